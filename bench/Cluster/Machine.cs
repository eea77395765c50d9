using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>The machine that all processes of a bench run on.</summary>
internal static class Machine
{
    /// <summary>Cores.</summary>
    public static int Cores => Environment.ProcessorCount;

    /// <summary>Threads of each of two worker processes that share the cores out.</summary>
    public static int HalfOfTheCores => Math.Max(1, Cores / 2);

    /// <summary>What the kernel calls its processor.</summary>
    public static string Processor { get; } = File.ReadLines("/proc/cpuinfo")
        .Where(line => line.StartsWith("model name", StringComparison.Ordinal))
        .Select(line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim())
        .FirstOrDefault("unknown");

    /// <summary>Processes that ran or waited for a core in the last minute, on average.</summary>
    public static string Load => File.ReadAllText("/proc/loadavg").Split(' ')[0];

    /// <summary>Bytes that the loopback interface has carried since the machine started.</summary>
    public static long LoopbackBytes => File.ReadLines("/proc/net/dev")
        .Select(line => line.Split([' ', ':'], StringSplitOptions.RemoveEmptyEntries))
        .Where(columns => columns[0] == "lo")
        .Select(columns => long.Parse(columns[1], CultureInfo.InvariantCulture))
        .FirstOrDefault();

    /// <summary>Ports of loopback that nobody listens on.</summary>
    public static IReadOnlyList<int> FreePorts(int count)
    {
        // Held all at once, so that no two are the same.
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        try
        {
            listeners.ForEach(listener => listener.Start());
            return [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        }
        finally
        {
            listeners.ForEach(listener => listener.Dispose());
        }
    }
}
