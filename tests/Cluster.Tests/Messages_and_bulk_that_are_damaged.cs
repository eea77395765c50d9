using System.Net;

namespace RnnLm.Cluster.Tests;

/// <summary>
/// Coordinator and worker believe to be on two hosts, and know each other by names that lead to proxies, which damage
/// and cut what passes. TLS finds damage, as on every network between hosts; the link is made again.
/// </summary>
[Collection(JobClusters.Name)]
public sealed class Messages_and_bulk_that_are_damaged : IAsyncLifetime
{
    private const int Seed = 1;
    private const string Trial = OtherHost.Trial;
    private const string Coordinator = "coordinator.test";
    private const string Worker = "worker.test";

    /// <summary>Where the processes are, and where whoever asks for them by name comes to.</summary>
    private static readonly (IPAddress Process, IPAddress Proxy) s_addresses =
        (IPAddress.Loopback, IPAddress.Parse("127.0.0.2"));

    private readonly JobCluster _cluster = new(
        coordinators: 1, "--profile", "fast", "--certificates", "certificates")
    {
        HostName = Coordinator,
    };

    /// <summary>Whichever of the two connected to the other.</summary>
    private readonly HarmToDo _ofMessages = new(4);
    private readonly HarmToDo _ofBulk = new(16);
    private readonly List<HarmfulProxy> _proxies = [];

    [RootFact(Trial)]
    public void Change_no_bit()
    {
        var job = new ClusterJob("job");
        RnnLmProcess.Run(_cluster.Directory, "certificates", "--directory", "certificates").Succeeded();
        _cluster.Submit(job);
        var coordinator = _cluster.StartCoordinator(0, [], On(Coordinator, other: Worker));
        int messages = FreePorts.Find(1).Single();
        var worker = _cluster.Start(
            "worker",
            On(Worker, other: Coordinator),
            [
                "worker", "--name", "worker", "--threads", "1", "--listen", $"{Worker}:{messages}", "--profile", "fast",
                "--seed-node", _cluster.AddressOf(0), "--certificates", "certificates",
            ]);
        worker.WaitFor("looks for work");
        StandBefore(coordinator, _cluster.PortOf(0));
        StandBefore(worker, messages);

        _cluster.WaitUntil("harm is done to messages", () => _ofMessages.IsDone);
        _cluster.WaitUntil("harm is done to bulk", () => _ofBulk.IsDone);
        _cluster.WaitForSteps(job, 20);
        _cluster.Cancel(job);
        _cluster.RequireSameAsTrain(job);
        Assert.True(worker.Says("has lost its coordinator"), Wait.LastWords([worker]));
        Assert.False(worker.HasEnded);
        _cluster.RequireQuiet();
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var proxy in _proxies)
        {
            await proxy.DisposeAsync();
        }

        _cluster.Dispose();
    }

    private IReadOnlyList<string> On(string host, string other) => OtherHost.Launcher(
        _cluster.Directory, host, $"{s_addresses.Process} {host}", $"{s_addresses.Proxy} {other}");

    /// <summary>Puts a proxy before each of the ports of a process.</summary>
    private void StandBefore(ClusterProcess process, int messages)
    {
        foreach (int port in Machine.ListeningPorts(process.Id))
        {
            _proxies.Add(new HarmfulProxy(
                s_addresses.Proxy,
                new IPEndPoint(s_addresses.Process, port),
                port == messages ? _ofMessages : _ofBulk,
                Seed + _proxies.Count));
        }
    }
}
