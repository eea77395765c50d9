using System.Globalization;

namespace RnnLm.Cluster.Tests;

/// <summary>
/// A bridge of this machine, with a network namespace a pod at its ports, and a file that has the pods' names, as the
/// name server of a cluster would.
/// </summary>
internal sealed class PodNetwork : IDisposable
{
    private readonly string _bridge = string.Create(CultureInfo.InvariantCulture, $"rnnlm{Environment.ProcessId}");
    private readonly string _prefix = string.Create(
        CultureInfo.InvariantCulture, $"10.{200 + (Environment.ProcessId % 50)}.{Environment.ProcessId / 50 % 250}");

    private readonly Dictionary<string, string> _names = [];
    private readonly List<string> _namespaces = [];

    /// <param name="hosts">The file.</param>
    public PodNetwork(string hosts)
    {
        Hosts = hosts;
        File.WriteAllText(hosts, "127.0.0.1 localhost\n");
        Machine.Run("ip", "link", "add", "name", _bridge, "type", "bridge");
        Machine.Run("ip", "address", "add", $"{_prefix}.1/24", "dev", _bridge);
        Machine.Run("ip", "link", "set", _bridge, "up");
    }

    /// <summary>The file of names, for /etc/hosts of every pod.</summary>
    public string Hosts { get; }

    /// <summary>A namespace with an address that no pod has had.</summary>
    public (string Namespace, string Address) Add()
    {
        int number = _namespaces.Count + 1;
        string name = string.Create(CultureInfo.InvariantCulture, $"{_bridge}-{number}");
        string address = string.Create(CultureInfo.InvariantCulture, $"{_prefix}.{number + 1}");
        string port = Port(number);
        _namespaces.Add(name);
        Machine.Run("ip", "netns", "add", name);
        Machine.Run("ip", "link", "add", "name", port, "type", "veth", "peer", "name", "eth0", "netns", name);
        Machine.Run("ip", "link", "set", port, "master", _bridge, "up");
        Machine.Run("ip", "-n", name, "address", "add", $"{address}/24", "dev", "eth0");
        Machine.Run("ip", "-n", name, "link", "set", "eth0", "up");
        Machine.Run("ip", "-n", name, "link", "set", "lo", "up");
        return (name, address);
    }

    /// <summary>From now on a name means this address.</summary>
    public void Call(string name, string address)
    {
        _names[name] = address;

        // In place: the file is mounted where it is read.
        File.WriteAllLines(Hosts, ["127.0.0.1 localhost", .. _names.Select(entry => $"{entry.Value} {entry.Key}")]);
    }

    public void Dispose()
    {
        for (int number = 1; number <= _namespaces.Count; number++)
        {
            // By itself it goes only when the last process of the namespace is gone.
            Machine.TryRun("ip", "link", "delete", Port(number));
            Machine.TryRun("ip", "netns", "delete", _namespaces[number - 1]);
        }

        Machine.TryRun("ip", "link", "delete", _bridge);
    }

    /// <summary>A pod's port at the bridge.</summary>
    private static string Port(int number) =>
        string.Create(CultureInfo.InvariantCulture, $"p{number}-{Environment.ProcessId}");
}
