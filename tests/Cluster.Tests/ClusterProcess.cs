using System.Diagnostics;

namespace RnnLm.Cluster.Tests;

/// <summary>
/// A process of a cluster. What it prints is read at once, so that a test can look at any time at what it has said, and
/// it never waits for a reader.
/// </summary>
internal sealed class ClusterProcess : IDisposable
{
    /// <summary>One that was asked to end and does not is a failure after this long.</summary>
    private static readonly TimeSpan s_endDeadline = TimeSpan.FromMinutes(1);

    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly List<string> _errors = [];
    private readonly Thread[] _readers;
    private bool _isDisposed;

    /// <summary>Starts <c>rnnlm</c>.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="directory">Where it runs, and where its temporary files go.</param>
    /// <param name="launcher">What starts it and becomes it; may be empty.</param>
    /// <param name="arguments">Of <c>rnnlm</c>.</param>
    public ClusterProcess(
        string name, TemporaryDirectory directory, IEnumerable<string> launcher, IEnumerable<string> arguments)
        : this(name, RnnLmProcess.StartInfo(
            directory.Root,
            [$"TMPDIR={Directory.CreateDirectory(Path.Combine(directory.Root, "temporary")).FullName}"],
            launcher,
            arguments))
    {
    }

    /// <summary>Starts a program.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="start">How; its output is redirected.</param>
    public ClusterProcess(string name, ProcessStartInfo start)
    {
        Name = name;
        _process = Process.Start(start)!;
        Id = _process.Id;
        _process.Exited += (_, _) => Wait.Changed();
        _process.EnableRaisingEvents = true;
        _readers = [Read(_process.StandardOutput, _lines), Read(_process.StandardError, _errors)];
    }

    /// <summary>What messages call it.</summary>
    public string Name { get; }

    /// <summary>Its number.</summary>
    public int Id { get; }

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => _process.HasExited;

    /// <summary>The lines of stdout so far.</summary>
    public IReadOnlyList<string> Lines => Copy(_lines);

    /// <summary>The lines of stderr so far.</summary>
    public IReadOnlyList<string> Errors => Copy(_errors);

    /// <summary>Memory that it has in use, in bytes.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>How many lines of stdout have this text.</summary>
    public int Count(string text) => Lines.Count(line => line.Contains(text, StringComparison.Ordinal));

    /// <summary>Whether it has said this.</summary>
    public bool Says(string text) => Count(text) > 0;

    /// <summary>Waits until it has said this so often.</summary>
    public void WaitFor(string text, int times = 1) =>
        Wait.Until($"{Name} says '{text}' {times} times", () => Count(text) >= times, () => [this]);

    /// <summary>Sends it a signal, e.g. <c>KILL</c>; it may have ended.</summary>
    public void Signal(string name) => Machine.TryRun("kill", $"-{name}", $"{Id}");

    /// <summary>Kills it and waits until it is gone.</summary>
    public void Kill()
    {
        Signal("KILL");
        WaitForEnd();
    }

    /// <summary>Waits for its end: its exit code.</summary>
    public int WaitForEnd()
    {
        Wait.Until($"{Name} ends", () => HasEnded, () => [this], s_endDeadline);
        Array.ForEach(_readers, reader => reader.Join());
        return _process.ExitCode;
    }

    /// <summary>Requires that it has said nothing that is not for users: no stack trace, no name of an exception.
    /// </summary>
    public void RequireNoTrace()
    {
        foreach (string line in Lines.Concat(Errors))
        {
            Assert.DoesNotContain("   at ", line, StringComparison.Ordinal);
            Assert.DoesNotContain("Exception", line, StringComparison.Ordinal);
            Assert.DoesNotContain("a defect of this program", line, StringComparison.Ordinal);
        }
    }

    /// <summary>Ends it at once; what it has said can still be read.</summary>
    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        if (!HasEnded)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private static Thread Read(StreamReader reader, List<string> lines)
    {
        var thread = new Thread(() =>
        {
            while (reader.ReadLine() is { } line)
            {
                lock (lines)
                {
                    lines.Add(line);
                }

                Wait.Changed();
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
        return thread;
    }

    private static List<string> Copy(List<string> lines)
    {
        lock (lines)
        {
            return [.. lines];
        }
    }
}
