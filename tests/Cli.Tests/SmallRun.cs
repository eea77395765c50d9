namespace RnnLm.Cli.Tests;

/// <summary>A small character model on windows of text, trained once for all the tests that only read it.</summary>
public sealed class SmallRun : IDisposable
{
    /// <summary>The collection of the tests that read it.</summary>
    public const string Collection = "small run";

    public const string Name = "run";
    public const string CorpusName = "corpus.txt";
    public const int Context = 12;
    public const int Shards = 8;

    public SmallRun()
    {
        Directory.Write(CorpusName, Text);
        Training = RnnLmProcess.Run(Directory, [.. Settings, "--run", Name, "--steps", "80", "--json"]).Succeeded();
    }

    public TemporaryDirectory Directory { get; } = new();

    /// <summary>The training text.</summary>
    public string Text { get; } = SmallText.Sentences(60);

    /// <summary>How the run was trained: settings of its job.</summary>
    public IReadOnlyList<string> Settings { get; } =
    [
        "train", "--corpus", CorpusName, "--preset", "char", "--dimension", "16", "--layers", "2",
        "--context", $"{Context}", "--batch", "13", "--shards", $"{Shards}", "--held-out", "0", "--lr", "0.01",
        "--schedule", "constant", "--warmup", "0", "--prompt", "the ",
    ];

    public RunFiles Run => Directory.Run(Name);

    /// <summary>What training printed.</summary>
    public ProcessResult Training { get; }

    public void Dispose() => Directory.Dispose();
}

/// <summary>Binds <see cref="SmallRun"/> to its collection.</summary>
[CollectionDefinition(SmallRun.Collection)]
public sealed class SmallRunCollection : ICollectionFixture<SmallRun>;
