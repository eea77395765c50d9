namespace RnnLm.Cluster.Tests;

[Collection(JobClusters.Name)]
public sealed class Jobs_beside_each_other : IDisposable
{
    private readonly JobCluster _cluster = new(coordinators: 2);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Make_what_one_process_makes(int jobs)
    {
        var all = Enumerable.Range(1, jobs)
            .Select(number => new ClusterJob($"job-{number}") { Steps = 80, Seed = number, CheckpointEvery = 20 })
            .ToList();
        all.ForEach(_cluster.Submit);
        _cluster.StartCoordinators();
        for (int number = 0; number < 3; number++)
        {
            _cluster.StartWorker($"worker-{number}");
        }

        foreach (var job in all)
        {
            _cluster.WaitForEnd(job);
            _cluster.RequireSameAsTrain(job);
            RnnLmProcess.Run(_cluster.Directory, "resume", job.Name, "--storage", JobCluster.Storage).Succeeded();
            var report = _cluster.Report(job);
            Assert.Equal("done", report.GetProperty("state").GetString());
            Assert.Equal(job.Steps, report.GetProperty("step").GetInt64());
            var logs = RnnLmProcess.Run(_cluster.Directory, "logs", job.Name, "--storage", JobCluster.Storage, "--json")
                .Succeeded().Objects;
            Assert.Equal(
                Enumerable.Range(0, (int)job.Steps).Select(step => (long?)step),
                logs.Select(line => line.Step()).Where(step => step is not null));
        }

        _cluster.RequireQuiet();
    }

    /// <summary>A worker that goes from one to the other holds a later version of the same job.</summary>
    [Fact]
    public void And_that_are_the_same_share_the_workers()
    {
        var (first, second) = (new ClusterJob("first"), new ClusterJob("second"));
        _cluster.Submit(first);
        _cluster.StartCoordinators();
        _cluster.StartWorker("worker-0");
        _cluster.StartWorker("worker-1");
        _cluster.WaitForSteps(first, 60);
        _cluster.Submit(second);
        _cluster.WaitForSteps(second, 20);
        _cluster.WaitForSteps(first, 20);
        foreach (var job in new[] { first, second })
        {
            _cluster.Cancel(job);
            _cluster.RequireSameAsTrain(job);
        }
    }

    public void Dispose() => _cluster.Dispose();
}
