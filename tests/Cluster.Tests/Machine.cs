using System.Diagnostics;

namespace RnnLm.Cluster.Tests;

/// <summary>The machine that the processes run on.</summary>
internal static class Machine
{
    /// <summary>Ports on which a process listens.</summary>
    public static IReadOnlyList<int> ListeningPorts(int process)
    {
        const string listening = "0A";
        return [.. SocketsOf(process).Where(socket => socket.State == listening).Select(socket => socket.Port)];
    }

    /// <summary>Whether a process has a connection to a port.</summary>
    public static bool IsConnected(int process, int port)
    {
        const string established = "01";
        return SocketsOf(process).Any(socket => socket.State == established && socket.PeerPort == port);
    }

    /// <summary>The TCP sockets of a process, as the kernel lists them in its network namespace.</summary>
    private static IEnumerable<(string State, int Port, int PeerPort)> SocketsOf(int process)
    {
        var sockets = Directory.EnumerateFiles($"/proc/{process}/fd")
            .Select(path => new FileInfo(path).LinkTarget ?? string.Empty)
            .Where(target => target.StartsWith("socket:[", StringComparison.Ordinal))
            .Select(target => target["socket:[".Length..^1])
            .ToHashSet();
        return new[] { "tcp", "tcp6" }
            .SelectMany(table => File.ReadLines($"/proc/{process}/net/{table}").Skip(1))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(columns => sockets.Contains(columns[9]))
            .Select(columns => (columns[3], PortOf(columns[1]), PortOf(columns[2])));
    }

    private static int PortOf(string address) => Convert.ToInt32(address.Split(':')[1], 16);

    /// <summary>Runs a program of the system: whether it was there and succeeded.</summary>
    public static bool TryRun(string program, params IEnumerable<string> arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            process.OutputDataReceived += (_, _) => { };
            process.ErrorDataReceived += (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    /// <summary>The same where a test cannot go on without.</summary>
    public static void Run(string program, params string[] arguments) =>
        Assert.True(TryRun(program, arguments), $"{program} {string.Join(' ', arguments)} failed");
}
