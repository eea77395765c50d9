namespace RnnLm.Cli.Tests;

public sealed class A_second_interrupt : IDisposable
{
    /// <summary>One shard that takes seconds: a process that stops in good order waits for the one in hand.</summary>
    private static readonly string[] LongSteps =
    [
        "--preset", "char", "--dimension", "256", "--layers", "2", "--context", "512", "--batch", "256",
        "--shards", "1", "--workers", "1", "--threads", "1", "--schedule", "constant", "--warmup", "0",
        "--evaluate-every", "0", "--checkpoint-every", "0",
    ];

    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Ends_the_process_while_the_first_is_being_obeyed()
    {
        _directory.Write("corpus.txt", SmallText.Sentences(6000));
        using var process = RnnLmProcess.Start(
            _directory, ["train", "--corpus", "corpus.txt", "--run", "run", "--json", .. LongSteps]);
        process.WaitForStep(0);

        process.Signal("INT");
        process.WaitForEvent("stopping");
        process.Signal("INT");

        var result = process.WaitForEnd();
        Assert.Equal(130, result.ExitCode);
        Assert.Empty(result.Error);
    }

    public void Dispose() => _directory.Dispose();
}
