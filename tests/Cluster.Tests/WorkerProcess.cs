using System.Diagnostics;

namespace RnnLm.Cluster.Tests;

/// <summary>A process <c>rnnlm worker</c> of this machine, as /proc shows it.</summary>
internal sealed class WorkerProcess
{
    /// <summary>Whatever is waited for comes within this time, or a test fails.</summary>
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(2);

    private readonly string[] _arguments;

    private WorkerProcess(int id, string[] arguments) => (Id, _arguments) = (id, arguments);

    public int Id { get; }

    public string? Name => Option("--name");

    /// <summary>Whether it stands still because of SIGSTOP.</summary>
    public bool IsStopped => Read(Id, "stat", File.ReadAllText) is { } stat && stat[stat.LastIndexOf(')') + 2] == 'T';

    /// <summary>Those that run in a directory, and so are of a test's runs.</summary>
    public static IReadOnlyList<WorkerProcess> AllIn(TemporaryDirectory directory)
    {
        var all = new List<WorkerProcess>();
        foreach (string entry in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(entry), out int id) &&
                Read(id, "cwd", path => new FileInfo(path).LinkTarget) == directory.Root &&
                Read(id, "cmdline", File.ReadAllText)?.Split('\0') is { } arguments &&
                arguments.Contains("worker"))
            {
                all.Add(new WorkerProcess(id, arguments));
            }
        }

        return all;
    }

    /// <summary>Waits until the one with this name is there.</summary>
    public static WorkerProcess Find(TemporaryDirectory directory, string name)
    {
        WorkerProcess? found = null;
        WaitUntil(() => (found = AllIn(directory).SingleOrDefault(worker => worker.Name == name)) is not null);
        return found!;
    }

    /// <summary>Waits until none is left.</summary>
    public static void WaitForNoneIn(TemporaryDirectory directory) => WaitUntil(() => AllIn(directory).Count == 0);

    /// <summary>Ends those that a test which failed has left.</summary>
    public static void KillAllIn(TemporaryDirectory directory)
    {
        foreach (var worker in AllIn(directory))
        {
            worker.Signal("KILL");
        }
    }

    /// <summary>Waits until something is so.</summary>
    public static void WaitUntil(Func<bool> condition) =>
        Assert.True(SpinWait.SpinUntil(condition, s_deadline), $"did not come within {s_deadline}");

    /// <summary>The value of one of its options.</summary>
    public string? Option(string name) =>
        Array.IndexOf(_arguments, name) is var at and >= 0 ? _arguments[at + 1] : null;

    /// <summary>Sends it a signal, e.g. <c>KILL</c>; it may have ended.</summary>
    public void Signal(string name)
    {
        using var kill = Process.Start(new ProcessStartInfo("kill", [$"-{name}", $"{Id}"])
        {
            RedirectStandardError = true,
        })!;
        kill.WaitForExit();
    }

    /// <summary>What is no more, or another user's, is null.</summary>
    private static string? Read(int id, string file, Func<string, string?> read)
    {
        try
        {
            return read($"/proc/{id}/{file}");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
