namespace RnnLm.Cluster.Tests;

[Collection(JobClusters.Name)]
public sealed class Certificates_that_change : IDisposable
{
    private const string Pki = "pki";

    private readonly JobCluster _cluster = new(coordinators: 2, "--profile", "fast", "--certificates", Pki)
    {
        HostName = "localhost",
    };

    /// <summary>As docs/security.md has it: a new certificate, then a restart, one process after the other.</summary>
    [Fact]
    public void One_process_after_the_other_are_no_end_of_a_job()
    {
        var job = new ClusterJob("job");
        _cluster.Submit(job);
        Issue();
        _cluster.StartCoordinators();
        ClusterProcess[] workers = [_cluster.StartWorker("first"), _cluster.StartWorker("second")];
        _cluster.WaitForSteps(job, 20);
        byte[] before = Certificate();
        Issue("--force");
        Assert.NotEqual(before, Certificate());

        foreach (var worker in workers)
        {
            worker.Signal("TERM");
            Assert.Equal(0, worker.WaitForEnd());
            _cluster.StartWorker(worker.Name).WaitFor("works for");
            _cluster.WaitForSteps(job, 20);
        }

        foreach (int index in new[] { 0, 1 })
        {
            var coordinator = _cluster.Coordinators[index]!;
            coordinator.Signal("TERM");
            Assert.Equal(0, coordinator.WaitForEnd());
            _cluster.StartCoordinatorAgain(index);
            _cluster.WaitForSteps(job, 20);
        }

        _cluster.Cancel(job);
        _cluster.RequireSameAsTrain(job);
        _cluster.RequireQuiet();
    }

    public void Dispose() => _cluster.Dispose();

    private void Issue(params IEnumerable<string> more) => RnnLmProcess.Run(
        _cluster.Directory, ["certificates", "--directory", Pki, "--host", "localhost", .. more]).Succeeded();

    private byte[] Certificate() => File.ReadAllBytes(Path.Combine(_cluster.Directory.Root, Pki, "node.pem"));
}
