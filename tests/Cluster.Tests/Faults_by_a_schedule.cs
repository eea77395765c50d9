using Xunit.Abstractions;

namespace RnnLm.Cluster.Tests;

[Collection(JobClusters.Name)]
public sealed class Faults_by_a_schedule(ITestOutputHelper output) : IDisposable
{
    private const int Seed = 1;

    private readonly JobCluster _cluster = new(coordinators: 3, "--profile", "fast");
    private readonly ClusterJob _job = new("job") { Dimension = 64, Batch = 52, CheckpointEvery = 20 };
    private readonly Random _random = new(Seed);
    private readonly List<ClusterProcess> _workers = [];
    private int _started;

    /// <summary>A fault that a process can have.</summary>
    private enum Fault
    {
        WorkerKilled,
        WorkerStandsStill,
        CoordinatorKilled,
        CoordinatorStandsStill,
    }

    [Fact]
    public void Change_no_bit()
    {
        Fault[] faults =
        [
            Fault.WorkerKilled, Fault.WorkerKilled, Fault.WorkerStandsStill, Fault.WorkerStandsStill,
            Fault.CoordinatorKilled, Fault.CoordinatorStandsStill,
        ];
        _random.Shuffle(faults);
        output.WriteLine($"seed {Seed}: {string.Join(", ", faults)}");
        _cluster.Submit(_job);
        _cluster.StartCoordinators();
        for (int number = 0; number < 3; number++)
        {
            _workers.Add(StartWorker());
        }

        RequireAllMembers();
        foreach (var fault in faults)
        {
            _cluster.WaitForSteps(_job, _random.Next(1, 40));
            output.WriteLine($"{fault} after step {_cluster.LastStep(_job)}");
            Cause(fault);
            Assert.DoesNotContain(_workers, worker => worker.HasEnded);
        }

        _cluster.WaitForSteps(_job, 20);
        _cluster.Cancel(_job);
        _cluster.RequireSameAsTrain(_job);
        Assert.DoesNotContain(_workers, worker => worker.HasEnded);
    }

    public void Dispose() => _cluster.Dispose();

    private void Cause(Fault fault)
    {
        int index = _random.Next(_workers.Count);
        switch (fault)
        {
            case Fault.WorkerKilled:
                _workers[index].Kill();
                _workers[index] = StartWorker();
                break;
            case Fault.WorkerStandsStill:
                _workers[index].Signal("STOP");
                _cluster.WaitForSteps(_job, _random.Next(1, 200));
                _workers[index].Signal("CONT");
                break;
            case Fault.CoordinatorKilled:
                int killed = _cluster.HolderIndex(_job);
                var holder = _cluster.Coordinators[killed]!;
                holder.Kill();
                StartCoordinatorAgain(killed, holder);
                break;
            case Fault.CoordinatorStandsStill:
                StandStill(_cluster.HolderIndex(_job));
                break;
        }
    }

    /// <summary>
    /// Until the others have taken it for dead. The lock on the run is its own as long as its process is there: they
    /// have the run once it goes on, learns that it is out, and ends.
    /// </summary>
    private void StandStill(int index)
    {
        var holder = _cluster.Coordinators[index]!;
        string inUse = $"is in use by process {holder.Id} ";
        holder.Signal("STOP");
        _cluster.WaitUntil($"another wants what {holder.Name} has", () => _cluster.All.Any(other => other.Says(inUse)));
        holder.Signal("CONT");
        Assert.Equal(4, holder.WaitForEnd());
        Assert.Contains("is out of its cluster", Assert.Single(holder.Errors), StringComparison.Ordinal);
        StartCoordinatorAgain(index, holder);
    }

    /// <summary>Another has the job by then, or takes it.</summary>
    private void StartCoordinatorAgain(int index, ClusterProcess before)
    {
        _cluster.StartCoordinatorAgain(index);
        _cluster.WaitForOtherHolder(_job, before);
        RequireMember(index);
    }

    private void RequireAllMembers()
    {
        for (int index = 0; index < _cluster.Coordinators.Count; index++)
        {
            RequireMember(index);
        }
    }

    /// <summary>
    /// The next fault must find a majority. A worker that knows one coordinator only is sent to the job as soon as that
    /// one is a member of the cluster.
    /// </summary>
    private void RequireMember(int index)
    {
        var asking = _cluster.Start(
            $"worker that asks coordinator {index}",
            [],
            [
                "worker", "--name", $"asks-{++_started}", "--threads", "1", "--profile", "fast",
                "--seed-node", _cluster.AddressOf(index),
            ]);
        asking.WaitFor("works for");
        asking.Signal("TERM");
        Assert.Equal(0, asking.WaitForEnd());
    }

    private ClusterProcess StartWorker() => _cluster.StartWorker($"worker-{++_started}");
}
