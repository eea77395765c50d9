using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace RnnLm.Cluster.Tests;

[Collection(JobClusters.Name)]
public sealed class Processes_that_are_asked_to_end : IDisposable
{
    private readonly JobCluster _cluster = new(coordinators: 2, "--profile", "fast");

    /// <summary>The job says first that it waits for the second worker, for that is what it was told.</summary>
    [Fact]
    public void Workers_say_farewell()
    {
        var job = new ClusterJob("job") { MinWorkers = 2 };
        _cluster.Submit(job);
        _cluster.StartCoordinators();
        var first = _cluster.StartWorker("first");
        _cluster.WaitUntil("a worker is waited for", () => _cluster.All.Any(
            process => process.Says("job: waiting for 2 workers, 1 are ready")));
        Assert.Equal(-1, _cluster.LastStep(job));

        var second = _cluster.StartWorker("second");
        _cluster.WaitForSteps(job, 20);
        second.Signal("TERM");
        Assert.Equal(0, second.WaitForEnd());
        _cluster.WaitUntil("it is gone", () => _cluster.Holder(job).Says("job: second is gone: its process ends"));
        _cluster.WaitForSteps(job, 20);

        _cluster.Cancel(job);
        _cluster.RequireSameAsTrain(job);
        Assert.Equal("cancelled", _cluster.Report(job).GetProperty("state").GetString());
        Assert.False(first.HasEnded);
        _cluster.RequireQuiet();
    }

    [Fact]
    public void Coordinators_hand_their_jobs_over()
    {
        var job = new ClusterJob("job");
        _cluster.Submit(job);
        _cluster.StartCoordinators();
        ClusterProcess[] workers = [_cluster.StartWorker("first"), _cluster.StartWorker("second")];
        _cluster.WaitForSteps(job, 20);
        var holder = _cluster.Holder(job);
        holder.Signal("TERM");
        Assert.Equal(0, holder.WaitForEnd());
        Assert.True(holder.Says("job: saved and stopped: handed over"));
        _cluster.WaitForOtherHolder(job, holder);
        _cluster.WaitForSteps(job, 20);

        _cluster.Cancel(job);
        _cluster.RequireSameAsTrain(job);
        Assert.DoesNotContain(workers, worker => worker.HasEnded);
        _cluster.RequireQuiet();
    }

    /// <summary>Nobody is left to go on with the jobs, and nobody keeps them waiting for that. The first coordinator
    /// has the registry, and ends last.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void All_coordinators_save_and_end(int count)
    {
        var jobs = Enumerable.Range(0, count).Select(index => new ClusterJob($"job-{index}")).ToArray();
        var coordinators = Enumerable.Range(0, count)
            .Select(index => _cluster.StartCoordinator(index, Enumerable.Range(0, index))).ToArray();
        _cluster.WaitUntil("all are members", () => coordinators.All(process => process.Says("is in the cluster")));
        foreach (var job in jobs)
        {
            _cluster.Submit(job);
            _cluster.StartWorker($"worker-of-{job.Name}");
        }

        // Akka moves one where both have begun on the same coordinator.
        _cluster.WaitUntil("each has a job", () => coordinators.All(
            process => jobs.Any(job => process.Says($"{job.Name}: taken"))));
        Array.ForEach(jobs, job => _cluster.WaitForSteps(job, 20));
        int HandOvers(ClusterJob job) =>
            coordinators.Sum(process => process.Count($"{job.Name}: saved and stopped: handed over"));
        int[] before = [.. jobs.Select(HandOvers)];
        foreach (var coordinator in coordinators.Reverse())
        {
            coordinator.Signal("TERM");
            coordinator.WaitFor("leaves the cluster");
        }

        Assert.All(coordinators, coordinator => Assert.Equal(0, coordinator.WaitForEnd()));
        Assert.All(jobs.Zip(before), job => Assert.True(HandOvers(job.First) > job.Second));

        _cluster.StartCoordinator(0, seeds: []);
        foreach (var job in jobs)
        {
            _cluster.WaitForSteps(job, 20);
            _cluster.Cancel(job);
            _cluster.RequireSameAsTrain(job);
        }

        _cluster.RequireQuiet();
    }

    /// <summary>A coordinator that is told to stop while the last step becomes a version saves that without its loss.
    /// `train` does the steps here, and the loss is taken out of what it saves.</summary>
    [Fact]
    public void A_last_step_that_was_saved_at_a_stop_is_evaluated_by_the_next_coordinator()
    {
        var job = new ClusterJob("job") { Steps = 4, HeldOut = 100 };
        _cluster.Submit(job);
        RnnLmProcess.Run(_cluster.Directory, "train", "--run", _cluster.RunOf(job), "--resume").Succeeded();
        string Final(string name) => Path.Combine(_cluster.RunOf(job), "final", name);
        byte[] evaluated = File.ReadAllBytes(Final("state.json"));
        var state = JsonNode.Parse(evaluated)!;
        Assert.NotNull(state["validation_loss"]);
        state["validation_loss"] = null;
        byte[] unevaluated = Encoding.UTF8.GetBytes(state.ToJsonString());
        File.WriteAllBytes(Final("state.json"), unevaluated);
        string done = File.ReadAllText(Final("DONE"));
        Assert.Contains(Hash(evaluated), done, StringComparison.Ordinal);
        File.WriteAllText(
            Final("DONE"), done.Replace(Hash(evaluated), Hash(unevaluated), StringComparison.Ordinal));
        Assert.Equal("unfinished", _cluster.Report(job).GetProperty("state").GetString());

        _cluster.StartCoordinators();
        _cluster.StartWorker("worker");
        _cluster.WaitForEnd(job);
        Assert.Equal(evaluated, File.ReadAllBytes(Final("state.json")));
        Assert.True(_cluster.Holder(job).Says("job: going on from the checkpoint of step 4"));
        Assert.Equal("done", _cluster.Report(job).GetProperty("state").GetString());
        _cluster.RequireQuiet();
    }

    public void Dispose() => _cluster.Dispose();

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
