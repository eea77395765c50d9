namespace RnnLm.Cluster.Tests;

/// <summary>A run in one process, with which others are compared.</summary>
public sealed class RunInOneProcess : IDisposable
{
    public const string Name = "one";

    public RunInOneProcess()
    {
        Directory.Write("corpus.txt", SmallText.Sentences(60));
        System.IO.Directory.CreateDirectory(Temporary);
        RnnLmProcess.Run(Directory, [.. Settings, "--run", Name, "--workers", "1"]).Succeeded();
    }

    public TemporaryDirectory Directory { get; } = new();

    /// <summary>What temporary files are written to.</summary>
    public string Temporary => Path.Combine(Directory.Root, "temporary");

    public IReadOnlyList<string> Settings { get; } =
    [
        "train", "--corpus", "corpus.txt", "--preset", "char", "--dimension", "16", "--layers", "2",
        "--context", "12", "--batch", "13", "--shards", "8", "--steps", "60", "--evaluate-every", "20", "--json",
    ];

    public void Dispose() => Directory.Dispose();
}

public sealed class Same_model_for_any_processes(RunInOneProcess one) : IClassFixture<RunInOneProcess>
{
    private const string SharedMemory = "/dev/shm";

    /// <summary>Three processes are more than some machines have cores.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 1)]
    [InlineData(2, 2)]
    public void And_nothing_is_left_of_them(int processes, int workers)
    {
        var shared = Directory.EnumerateFileSystemEntries(SharedMemory).ToHashSet();
        string run = $"run-{processes}-{workers}";
        using var training = RnnLmProcess.StartWith(
            "TMPDIR",
            Path.GetFileName(one.Temporary),
            one.Directory,
            [.. one.Settings, "--run", run, "--processes", $"{processes}", "--workers", $"{workers}"]);
        var result = training.WaitForEnd().Succeeded();

        Assert.Empty(WorkerProcess.AllIn(one.Directory));
        Assert.Empty(Directory.EnumerateFileSystemEntries(one.Temporary));
        WorkerProcess.WaitUntil(() => shared.IsSupersetOf(Directory.EnumerateFileSystemEntries(SharedMemory)));
        Assert.DoesNotContain(result.Objects, line => line.IsEvent("worker_lost"));

        var (expected, files) = (one.Directory.Run(RunInOneProcess.Name), one.Directory.Run(run));
        Assert.Equal(expected.FinalHashes, files.FinalHashes);
        Assert.Equal(expected.LedgerHash, files.LedgerHash);
        var inspection = RnnLmProcess.Run(one.Directory, "inspect", run, "--plan").Succeeded();
        Assert.Contains("everything verified", inspection.Lines);
    }
}
