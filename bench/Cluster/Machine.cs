using System.Globalization;

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
}
