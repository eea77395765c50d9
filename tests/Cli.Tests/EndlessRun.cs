namespace RnnLm.Cli.Tests;

/// <summary>
/// A run that goes on for longer than any test, so that whatever stops it comes before its end. Where it was stopped is
/// read from its files; an undisturbed run to a step behind that is what it is compared with.
/// </summary>
internal sealed class EndlessRun : IDisposable
{
    private const string Name = "run";
    private const long Never = 1_000_000_000;

    private readonly int _shards;
    private readonly string[] _workers;

    /// <summary>One that has not started.</summary>
    /// <param name="shards">Of a step.</param>
    /// <param name="workers">Options that say who computes it.</param>
    public EndlessRun(int shards = 2, params string[] workers)
    {
        (_shards, _workers) = (shards, workers);
        Directory.Write("corpus.txt", SmallText.Sentences(60));
    }

    public TemporaryDirectory Directory { get; } = new();

    /// <summary>How it learns.</summary>
    public string[] Recipe { get; init; } = ["--schedule", "constant"];

    private string[] Settings =>
    [
        "train", "--corpus", "corpus.txt", "--preset", "char", "--dimension", "16", "--layers", "1",
        "--context", "12", "--batch", "8", "--shards", $"{_shards}", "--warmup", "0", "--json", .. Recipe,
    ];

    public RunFiles Files => Directory.Run(Name);

    /// <summary>Starts it.</summary>
    /// <param name="checkpointEvery">Steps between checkpoints, 0 for none on the way.</param>
    /// <param name="steps">Where it ends.</param>
    public RnnLmProcess Start(int checkpointEvery, long steps = Never) =>
        RnnLmProcess.Start(
            Directory,
            [
                .. Settings, .. _workers, "--run", Name, "--checkpoint-every", $"{checkpointEvery}",
                "--steps", $"{steps}",
            ]);

    /// <summary>Goes on with it.</summary>
    public RnnLmProcess Resume(long steps = Never) =>
        RnnLmProcess.Start(
            Directory, ["train", .. _workers, "--run", Name, "--resume", "--json", "--steps", $"{steps}"]);

    /// <summary>
    /// Resumes it to <paramref name="step"/> and requires model, optimizer, ledger and losses of a run that nothing
    /// disturbed.
    /// </summary>
    public void RequireSameAsUndisturbed(long step)
    {
        using (var last = Resume(step))
        {
            last.WaitForEnd().Succeeded();
        }

        Assert.Equal(step, Files.FinalStep);
        RequireSameAsUndisturbed();
    }

    /// <summary>Requires the same of it as it stands.</summary>
    public void RequireSameAsUndisturbed()
    {
        long step = Files.FinalStep;
        RnnLmProcess.Run(Directory, [.. Settings, "--run", "undisturbed", "--steps", $"{step}"]).Succeeded();
        var undisturbed = Directory.Run("undisturbed");
        Assert.Equal(undisturbed.FinalHashes, Files.FinalHashes);
        Assert.Equal(undisturbed.LedgerHash, Files.LedgerHash);
        Assert.Equal(Losses(undisturbed), Losses(Files));
    }

    public void Dispose() => Directory.Dispose();

    private static IEnumerable<(long? Step, double Loss)> Losses(RunFiles run) =>
        run.Steps.Select(step => (step.Step(), step.GetProperty("loss").GetDouble()));
}
