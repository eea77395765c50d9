using System.Globalization;

namespace RnnLm.Cluster.Tests;

/// <summary>
/// The worker is in a network namespace of its own, which a pair of interfaces joins to the coordinator's, and takes
/// itself for one of another host: parameters and gradients go over HTTP.
/// </summary>
[Collection(JobClusters.Name)]
public sealed class Workers_behind_a_network : IDisposable
{
    private const string Pair = OtherHost.Trial + " && unshare --net ip link add one type veth peer name two";
    private const string Bad = Pair + " && unshare --net tc qdisc add dev lo root netem delay 50ms loss 2%";

    /// <summary>No other process of these tests has the same.</summary>
    private static readonly string s_namespace = string.Create(
        CultureInfo.InvariantCulture, $"rnnlm-{Environment.ProcessId}");

    private static readonly string s_network = string.Create(
        CultureInfo.InvariantCulture, $"10.213.{(Environment.ProcessId >> 6) & 255}");

    private static readonly int s_first = (Environment.ProcessId << 2) & 252;

    private readonly JobCluster _cluster = new(
        coordinators: 1, "--profile", "steady", "--certificates", "certificates")
    {
        HostName = AddressOf(1),
    };

    [RootFact(Pair)]
    public void Of_its_own() => RequireSame();

    [RootFact(Bad)]
    public void That_is_slow_and_loses_packets() => RequireSame("netem", "delay", "50ms", "loss", "2%");

    public void Dispose()
    {
        _cluster.Dispose();

        // Its end of the pair goes with it, and so does ours.
        Machine.TryRun("ip", "netns", "delete", s_namespace);
    }

    private static string AddressOf(int end) =>
        string.Create(CultureInfo.InvariantCulture, $"{s_network}.{s_first + end}");

    private void RequireSame(params string[] discipline)
    {
        Join(discipline);
        var job = new ClusterJob("job");
        RnnLmProcess.Run(_cluster.Directory, "certificates", "--directory", "certificates").Succeeded();
        _cluster.Submit(job);
        var coordinator = _cluster.StartCoordinator(0, seeds: []);
        var worker = _cluster.Start(
            "worker",
            [
                "nsenter", $"--net=/run/netns/{s_namespace}",
                .. OtherHost.Launcher(_cluster.Directory, "other", "127.0.0.1 localhost"),
            ],
            [
                "worker", "--name", "worker", "--threads", "1", "--listen", $"{AddressOf(2)}:0",
                "--seed-node", _cluster.AddressOf(0), "--certificates", "certificates",
            ]);
        _cluster.WaitForSteps(job, 20);
        int bulk = Assert.Single(Machine.ListeningPorts(coordinator.Id), port => port != _cluster.PortOf(0));
        Assert.True(Machine.IsConnected(worker.Id, bulk), "the worker fetches nothing from the coordinator");
        _cluster.Cancel(job);
        _cluster.RequireSameAsTrain(job);
        _cluster.RequireQuiet();
    }

    private static void Join(string[] discipline)
    {
        Machine.Run("ip", "netns", "add", s_namespace);
        string[] inside = ["netns", "exec", s_namespace, "ip"];
        Machine.Run(
            "ip", "link", "add", "name", s_namespace, "type", "veth", "peer", "name", "eth", "netns", s_namespace);
        Machine.Run("ip", "address", "add", $"{AddressOf(1)}/30", "dev", s_namespace);
        Machine.Run("ip", "link", "set", s_namespace, "up");
        Machine.Run("ip", [.. inside, "address", "add", $"{AddressOf(2)}/30", "dev", "eth"]);
        Machine.Run("ip", [.. inside, "link", "set", "eth", "up"]);
        Machine.Run("ip", [.. inside, "link", "set", "lo", "up"]);
        if (discipline.Length > 0)
        {
            Machine.Run("tc", ["qdisc", "add", "dev", s_namespace, "root", .. discipline]);
        }
    }
}
