using System.Text.Json;

namespace RnnLm.Cli.Tests;

/// <summary>
/// The word hello: h → e → l → l → o, where what follows an l depends on what came before it.
/// </summary>
public sealed class Hello : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Is_learnt_to_certainty()
    {
        _directory.Write("hello.txt", string.Concat(Enumerable.Repeat("hello\n", 200)));
        RnnLmProcess.Run(
            _directory,
            "train", "--corpus", "hello.txt", "--run", "run", "--tokenizer", "char", "--examples", "sentences",
            "--dimension", "16", "--layers", "1", "--batch", "16", "--shards", "4", "--lr", "0.02",
            "--steps", "100").Succeeded();

        var evaluation = JsonElement.Parse(RnnLmProcess
            .Run(_directory, "evaluate", "--run", "run", "--corpus", "hello.txt", "--json")
            .Succeeded().Output);
        Assert.InRange(evaluation.GetProperty("perplexity").GetDouble(), 1, 1.05);
        string output = RnnLmProcess
            .Run(_directory, "generate", "--run", "run", "--prompt", "h", "--temperature", "0", "--tokens", "4")
            .Succeeded().Output;
        Assert.Equal("hello\n", output);
    }

    [Fact]
    public void Is_what_its_preset_learns_and_samples_show()
    {
        var training = RnnLmProcess.Run(_directory, "train", "--preset", "hello", "--run", "run").Succeeded();
        string drawn = training.Lines.Single(line => line.StartsWith("  h|", StringComparison.Ordinal)).Trim();
        long steps = _directory.Run("run").FinalStep;
        Assert.Equal("h|ello", drawn);
        Assert.Equal(
            [$"step {steps}: {drawn}"], RnnLmProcess.Run(_directory, "samples", "--run", "run").Succeeded().Lines);
    }

    public void Dispose() => _directory.Dispose();
}
