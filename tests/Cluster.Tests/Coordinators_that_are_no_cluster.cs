namespace RnnLm.Cluster.Tests;

[Collection(JobClusters.Name)]
public sealed class Coordinators_that_are_no_cluster : IDisposable
{
    private readonly JobCluster _cluster = new(coordinators: 2, "--profile", "fast");

    /// <summary>Only the run's lease stands between them.</summary>
    [Fact]
    public void Do_not_run_one_job_twice()
    {
        var job = new ClusterJob("job");
        _cluster.Submit(job);
        var one = _cluster.StartCoordinator(0, seeds: []);
        one.WaitFor("job: taken");
        var other = _cluster.StartCoordinator(1, seeds: []);
        var worker = _cluster.StartWorker("worker");
        other.WaitFor($"is in use by process {one.Id} ");
        Assert.False(other.Says("job: taken"));
        _cluster.WaitForSteps(job, 20);

        one.Kill();
        other.WaitFor("job: taken");
        _cluster.WaitForSteps(job, 20);
        _cluster.Cancel(job);
        _cluster.RequireSameAsTrain(job);
        Assert.False(worker.HasEnded);
        _cluster.RequireQuiet();
    }

    public void Dispose() => _cluster.Dispose();
}
