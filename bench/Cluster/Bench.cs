using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using RnnLm.Compare;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>
/// One run of a bench: its processes, its files, its waits. Whatever way it ends, also by a signal, nothing is left of
/// it.
/// </summary>
internal sealed class Bench : IDisposable
{
    private const int PollMs = 5;
    private const int DeleteAttempts = 20;

    private static readonly TimeSpan s_endDeadline = TimeSpan.FromSeconds(10);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("rnnlm-bench-");
    private readonly CancellationTokenSource _interrupted = new();
    private readonly List<PosixSignalRegistration> _signals = [];
    private readonly List<Child> _children = [];
    private readonly HashSet<OsProcess> _adopted = [];
    private readonly string _command;
    private int _names;

    /// <param name="command">What was typed.</param>
    public Bench(string command)
    {
        _command = command;
        Directory.CreateDirectory(Temporary);
        foreach (var signal in new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP })
        {
            _signals.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                _interrupted.Cancel();
            }));
        }
    }

    private string Temporary => Path.Combine(_directory.FullName, "tmp");

    /// <summary>A path for files of this bench where nothing is.</summary>
    public string NewPath(string name) => Path.Combine(_directory.FullName, $"{name}-{++_names}");

    /// <summary>The same with an empty directory.</summary>
    public string NewDirectory(string name) => Directory.CreateDirectory(NewPath(name)).FullName;

    /// <summary>Starts <c>rnnlm</c> with these arguments.</summary>
    public Child Start(string name, params IReadOnlyList<string> arguments) => StartUnder([], name, arguments);

    /// <summary>The same, started by another program.</summary>
    public Child StartUnder(IReadOnlyList<string> launcher, string name, params IReadOnlyList<string> arguments)
    {
        var child = new Child(name, [.. launcher, .. Product.Command, .. arguments], Temporary);
        _children.Add(child);
        return child;
    }

    /// <summary>Runs <c>rnnlm</c> with these arguments to its end.</summary>
    /// <exception cref="RnnLmException">It failed, or took too long.</exception>
    public void Run(TimeSpan limit, params IReadOnlyList<string> arguments)
    {
        var child = Start($"rnnlm {arguments[0]}", arguments);
        child.MayEnd = true;
        WaitUntil($"the end of {child.Name}", limit, () => child.HasEnded);
        if (child.ExitCode != 0)
        {
            throw Failure($"{child.Name} ended with exit code {child.ExitCode}: {child.LastWords}");
        }
    }

    /// <summary>Sees to the end of processes that a child has started, should they outlive it.</summary>
    public void Adopt(IEnumerable<OsProcess> processes) => _adopted.UnionWith(processes);

    /// <summary>Waits until something is so.</summary>
    public void WaitUntil(string what, TimeSpan limit, Func<bool> isSo) =>
        Wait(what, limit, () => isSo() ? this : null);

    /// <summary>Waits for something.</summary>
    /// <param name="what">For what, in words.</param>
    /// <param name="limit">How long.</param>
    /// <param name="find">Looks for it.</param>
    /// <exception cref="RnnLmException">It did not come in time, or a process ended that should not have.</exception>
    public T Wait<T>(string what, TimeSpan limit, Func<T?> find)
        where T : class
    {
        long began = Stopwatch.GetTimestamp();
        while (true)
        {
            _interrupted.Token.ThrowIfCancellationRequested();
            if (find() is { } found)
            {
                return found;
            }

            if (_children.Find(child => !child.MayEnd && child.HasEnded) is { } ended)
            {
                throw Failure(
                    $"{ended.Name} ended with exit code {ended.ExitCode} before {what}: {ended.LastWords}");
            }

            if (Stopwatch.GetElapsedTime(began) > limit)
            {
                string said = string.Join("; ", _children.Where(child => !child.HasEnded)
                    .Select(child => $"{child.Name}: {child.LastWords}"));
                throw Failure($"{what} has not come within {limit.TotalSeconds:0} s; {said}");
            }

            Thread.Sleep(PollMs);
        }
    }

    /// <summary>Lets time pass.</summary>
    /// <param name="time">How much.</param>
    /// <param name="watch">Called again and again meanwhile.</param>
    public void Pass(TimeSpan time, Action? watch = null)
    {
        long began = Stopwatch.GetTimestamp();
        WaitUntil("time to pass", time + s_endDeadline, () =>
        {
            watch?.Invoke();
            return Stopwatch.GetElapsedTime(began) >= time;
        });
    }

    /// <summary>Says how far it is.</summary>
    public static void Say(string text) => Console.Error.WriteLine($"{text} (load {Machine.Load})");

    /// <summary>Prints on what it ran, and at the end all figures as one line of JSON.</summary>
    /// <param name="print">Prints the tables and fills in the figures.</param>
    public void Report(Action<JsonObject> print)
    {
        Console.WriteLine($"\n`{_command}`, {Machine.Processor}, {Machine.Cores} cores, load {Machine.Load}:\n");
        var figures = new JsonObject
        {
            ["command"] = _command,
            ["processor"] = Machine.Processor,
            ["cores"] = Machine.Cores,
        };
        print(figures);
        Console.WriteLine($"\n{figures.ToJsonString(JsonSerializerOptions.Default)}");
    }

    /// <summary>Seconds between two moments.</summary>
    public static double Seconds(long from, long to) => Stopwatch.GetElapsedTime(from, to).TotalSeconds;

    /// <summary>A moment that lies so many seconds after another.</summary>
    public static long After(long moment, double seconds) => moment + (long)(seconds * Stopwatch.Frequency);

    /// <summary>Why a bench cannot go on.</summary>
    public static RnnLmException Failure(string message) => new(ExitCode.Cluster, message);

    /// <summary>Ends what it has started and removes what it has written.</summary>
    public void Dispose()
    {
        _children.ForEach(child => child.End());
        foreach (var process in _adopted)
        {
            process.Send(Signal.Kill);
        }

        SpinWait.SpinUntil(() => !_adopted.Any(process => process.IsAlive), s_endDeadline);
        _signals.ForEach(signal => signal.Dispose());
        _interrupted.Dispose();
        Delete();
    }

    /// <summary>What has just been ended may still hold a file.</summary>
    private void Delete()
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                _directory.Delete(recursive: true);
                return;
            }
            catch (IOException) when (attempt < DeleteAttempts)
            {
                Thread.Sleep(s_endDeadline / DeleteAttempts);
            }
        }
    }
}

/// <summary>The rnnlm that is measured.</summary>
internal static class Product
{
    private static readonly string s_program = Path.Combine(
        Repository.Root, "src", "Cli", "bin", "Release", "net10.0", "rnnlm.dll");

    /// <summary>What starts it.</summary>
    public static IReadOnlyList<string> Command => File.Exists(s_program)
        ? ["dotnet", s_program]
        : throw RnnLmException.BadInput($"{s_program} is missing; ./rnnlm setup builds it");
}
