using System.Text.Json.Nodes;

namespace RnnLm.Tests;

/// <summary>A run in a temporary directory, its lease and its checkpoints.</summary>
internal sealed class TestRun : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public TestRun()
    {
        Files = new FaultyFiles();
        Reopen();
    }

    public FaultyFiles Files { get; }

    public string Root => _directory["run"];

    public RunDirectory Run { get; private set; } = null!;

    public Lease Lease { get; private set; } = null!;

    public CheckpointStore Store { get; private set; } = null!;

    public string this[params string[] names] => Path.Combine([Root, .. names]);

    public static LeaseHolder Holder(int process) => new(process, "testhost");

    /// <summary>As after the end of the process, however it ended: the kernel gives the lock back, the next coordinator
    /// opens the run.</summary>
    public void Reopen()
    {
        Files.Heal();
        TakeOver();
    }

    /// <summary>The same with the fault that was set.</summary>
    public void TakeOver()
    {
        Lease?.Dispose();
        Run = RunDirectory.CreateOrOpen(Files, Root);
        Lease = Run.TakeLease(Holder(1));
        Run.WriteConfig(Lease, new JsonObject { ["seed"] = 1 });
        Store = Run.OpenCheckpoints(Lease);
    }

    /// <summary>A version whose values tell step and variant.</summary>
    public static CheckpointSnapshot Snapshot(long step, double? validationLoss = null, float variant = 0)
    {
        float[] weight = [.. Enumerable.Range(0, 6).Select(index => (100 * step) + index + variant)];
        var state = new CheckpointState(
            step,
            0,
            32 * step,
            900 * step,
            step,
            validationLoss,
            $"{BitConverter.SingleToUInt32Bits(variant):x64}",
            LedgerChain.Empty);
        return new CheckpointSnapshot(
            state,
            [new NamedTensor("fc.weight", [2, 3], () => weight)],
            [
                new NamedTensor("exp_avg.fc.weight", [2, 3], () => weight),
                new NamedTensor("exp_avg_sq.fc.weight", [2, 3], () => weight),
            ]);
    }

    public static float[] Weights(Checkpoint checkpoint)
    {
        using SafetensorsFile file = checkpoint.OpenModel();
        var values = new float[6];
        file.Read(file.Find("fc.weight")!, values);
        return values;
    }

    /// <summary>Names of everything in the run that looks unfinished.</summary>
    public IEnumerable<string> Leftovers() =>
        Directory.GetFileSystemEntries(Root, "*", SearchOption.AllDirectories)
            .Where(path => Path.GetFileName(path).StartsWith('.'));

    public string? LinkTarget(string name) => new FileInfo(this[name]).LinkTarget;

    public void Dispose()
    {
        Lease.Dispose();
        _directory.Dispose();
    }
}
