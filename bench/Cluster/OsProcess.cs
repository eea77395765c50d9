using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>Signals that a bench sends.</summary>
internal enum Signal
{
    /// <summary>Ends at once.</summary>
    Kill = 9,

    /// <summary>Asks to end.</summary>
    Terminate = 15,

    /// <summary>Goes on.</summary>
    Continue = 18,

    /// <summary>Stands still.</summary>
    Stop = 19,
}

/// <summary>
/// A process as /proc shows it, whoever started it: its number and when it started, so that another process that gets
/// the number later is not taken for it.
/// </summary>
/// <param name="Id">Its number.</param>
/// <param name="Started">In ticks since the machine started.</param>
internal sealed partial record OsProcess(int Id, long Started)
{
    private const int StateField = 0;
    private const int ParentField = 1;
    private const int StartedField = 19;

    /// <summary>The process of that number; null when there is none.</summary>
    public static OsProcess? Find(int id) =>
        Stat($"/proc/{id}/stat") is { } stat
            ? new OsProcess(id, long.Parse(stat[StartedField], CultureInfo.InvariantCulture))
            : null;

    /// <summary>The worker processes that a process has started.</summary>
    public static IReadOnlyList<OsProcess> WorkersOf(int parent) =>
    [
        .. Directory.EnumerateDirectories("/proc")
            .Select(entry => int.TryParse(Path.GetFileName(entry), out int id) ? id : 0)
            .Where(id => id > 0 && Stat($"/proc/{id}/stat")?[ParentField] == $"{parent}")
            .Select(Find)
            .OfType<OsProcess>()
            .Where(process => process.Arguments.Contains("worker")),
    ];

    /// <summary>Whether it has not ended.</summary>
    public bool IsAlive =>
        Find(Id) == this && Stat($"/proc/{Id}/stat") is { } stat && stat[StateField] is not ("Z" or "X");

    /// <summary>Its command line; empty when it has ended.</summary>
    public IReadOnlyList<string> Arguments => Read($"/proc/{Id}/cmdline")?.Split('\0') ?? [];

    /// <summary>The value of one of its options; null when it has none.</summary>
    public string? Option(string name) =>
        Arguments.ToList() is var arguments && arguments.IndexOf(name) is var at and >= 0 ? arguments[at + 1] : null;

    /// <summary>Whether every thread stands still because of SIGSTOP.</summary>
    public bool IsStopped => Tasks().All(task => Stat($"{task}/stat") is not { } stat || stat[StateField] == "T");

    /// <summary>Those of its threads that compute, by their numbers.</summary>
    public IEnumerable<string> DeviceThreads() => Tasks()
        .Where(task => Read($"{task}/comm") is { } name && DeviceThread().IsMatch(name.TrimEnd()))
        .Select(task => Path.GetFileName(task)!);

    /// <summary>
    /// Seconds of processors that a thread has had; null when it has ended. One that runs is as much as one tick of the
    /// kernel ahead of this; one that stands still is not.
    /// </summary>
    public double? SecondsOf(string thread) => Read($"/proc/{Id}/task/{thread}/schedstat") is { Length: > 0 } text
        ? long.Parse(text.Split(' ')[0], CultureInfo.InvariantCulture) / 1e9
        : null;

    /// <summary>Sends a signal; the process may have ended.</summary>
    public void Send(Signal signal)
    {
        if (Find(Id) == this)
        {
            _ = Kill(Id, (int)signal);
        }
    }

    private string[] Tasks()
    {
        try
        {
            return Directory.GetDirectories($"/proc/{Id}/task");
        }
        catch (IOException)
        {
            return [];
        }
    }

    /// <summary>The fields of a stat file from the state on: before it stands the name, which may have blanks.
    /// </summary>
    private static string[]? Stat(string path) =>
        Read(path) is { Length: > 0 } text ? text[(text.LastIndexOf(')') + 2)..].Split(' ') : null;

    /// <summary>What is no more, or another user's, is null.</summary>
    private static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>What a device on the CPU calls its threads.</summary>
    [GeneratedRegex(@"^worker-\d+/\d+$")]
    private static partial Regex DeviceThread();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
