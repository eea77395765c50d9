namespace RnnLm.Cluster.Tests;

[Collection(JobClusters.Name)]
public sealed class Workers_that_use_another_name : IDisposable
{
    private readonly JobCluster _cluster = new(coordinators: 1, "--profile", "fast");

    /// <summary>Akka.NET drops what they write, and they wait for ever.</summary>
    [Fact]
    public void For_a_coordinator_are_not_answered_which_it_says()
    {
        var coordinator = _cluster.StartCoordinator(0, seeds: []);
        _cluster.Start("worker", [], ["worker", "--seed-node", $"localhost:{_cluster.PortOf(0)}"]);
        coordinator.WaitFor($"as localhost:{_cluster.PortOf(0)} and is not answered: write {_cluster.AddressOf(0)}");
        _cluster.RequireQuiet();
    }

    public void Dispose() => _cluster.Dispose();
}
