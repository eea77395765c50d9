using Xunit.Abstractions;

namespace RnnLm.Cluster.Tests;

/// <summary>As docs/deploy has it: one process after the other is replaced by one of a later version.</summary>
[Collection(JobClusters.Name)]
public sealed class Rolling_upgrade(ITestOutputHelper output) : IDisposable
{
    private const int Coordinators = 3;
    private static readonly string[] s_workers = ["first", "second", "third"];

    private readonly JobCluster _cluster = new(Coordinators, "--profile", "fast");
    private readonly ClusterJob _job = new("job");

    [Fact]
    public void Loses_no_step_and_makes_the_same_model()
    {
        // In front of the other program and its file, which it leaves out.
        string[] later =
        [
            "sh", "-c", "dotnet=$1; shift 2; exec \"$dotnet\" \"$0\" \"$@\"", LaterVersion.Build(_cluster.Directory),
        ];
        _cluster.Submit(_job);
        _cluster.StartCoordinators();
        var workers = s_workers.Select(name => _cluster.StartWorker(name)).ToArray();
        _cluster.WaitForSteps(_job, 20);

        // The last first, as Kubernetes does it.
        for (int index = Coordinators - 1; index >= 0; index--)
        {
            var others = Enumerable.Range(0, Coordinators).Where(other => other != index);
            var old = _cluster.Coordinators[index]!;
            bool hadJob = _cluster.Holder(_job) == old;
            Replace($"coordinator {index}{(hadJob ? ", which has the job" : string.Empty)}", old, () =>
                _cluster.StartCoordinator(index, others, later).WaitFor("is in the cluster"));
        }

        foreach (var worker in workers)
        {
            Replace($"worker {worker.Name}", worker, () =>
                _cluster.StartWorker(worker.Name, later).WaitFor("works for"));
        }

        RequireThatEachGoesOnWhereTheOtherStopped();
        _cluster.Cancel(_job);
        _cluster.RequireSameAsTrain(_job);
        _cluster.RequireQuiet();
    }

    public void Dispose() => _cluster.Dispose();

    private void Replace(string what, ClusterProcess old, Action start)
    {
        _cluster.WatchPauses(_job);
        old.Signal("TERM");
        Assert.Equal(0, old.WaitForEnd());
        start();
        _cluster.WaitForSteps(_job, 20);
        output.WriteLine($"{what}: {_cluster.WatchPauses(_job).TotalSeconds:0.00} s without a step");
    }

    /// <summary>What one coordinator has saved last is what the next one goes on from.</summary>
    private void RequireThatEachGoesOnWhereTheOtherStopped()
    {
        const string Saving = "stopping: saving step ";
        const string GoingOn = "going on from the checkpoint of step ";
        string[] all = [.. _cluster.All.SelectMany(process => process.Lines)];
        long[] saved = Steps(all, Saving);
        long[] next = [.. Steps(all, GoingOn).Where(step => step > 0)];
        Assert.NotEmpty(saved);
        Assert.Equal(saved.Length, next.Length);

        // A step whose update is being made when it is said is saved too.
        Assert.All(saved.Zip(next), each => Assert.InRange(each.Second, each.First, each.First + 1));
    }

    private static long[] Steps(string[] lines, string before) =>
    [
        .. lines.Where(line => line.Contains(before, StringComparison.Ordinal))
            .Select(line => line[(line.IndexOf(before, StringComparison.Ordinal) + before.Length)..])
            .Select(text => long.Parse(text.TrimEnd(' ', '…'), null))
            .Order(),
    ];
}
