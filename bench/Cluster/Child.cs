using System.Diagnostics;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>A line that a process printed.</summary>
/// <param name="At">When it came (<see cref="Stopwatch"/>).</param>
/// <param name="Text">The line.</param>
internal sealed record Line(long At, string Text);

/// <summary>A process that a bench has started, and what it prints.</summary>
#pragma warning disable CA1001 // A bench ends its processes; what is left of one is a few bytes.
internal sealed class Child
#pragma warning restore CA1001
{
    private const int MostSaid = 5;

    private static readonly TimeSpan s_endDeadline = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly List<Line> _lines = [];
    private readonly List<Line> _errors = [];

    /// <param name="name">What messages call it.</param>
    /// <param name="command">Program and arguments.</param>
    /// <param name="temporary">Where it puts temporary files.</param>
    public Child(string name, IReadOnlyList<string> command, string temporary)
    {
        Name = name;
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["TMPDIR"] = temporary;
        StartedAt = Stopwatch.GetTimestamp();
        _process = System.Diagnostics.Process.Start(start)!;
        Process = OsProcess.Find(_process.Id)!;

        // Threads of their own: a line's time is when it came, whatever else this process does.
        new Thread(() => Read(_process.StandardOutput, _lines)) { IsBackground = true }.Start();
        new Thread(() => Read(_process.StandardError, _errors)) { IsBackground = true }.Start();
    }

    /// <summary>What messages call it.</summary>
    public string Name { get; }

    /// <summary>Just before it was started (<see cref="Stopwatch"/>).</summary>
    public long StartedAt { get; }

    /// <summary>As the system sees it.</summary>
    public OsProcess Process { get; }

    /// <summary>Whether its end would be no failure.</summary>
    public bool MayEnd { get; set; }

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => _process.HasExited;

    /// <summary>Its exit code; 128 + the signal that ended it.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>What it printed from a line on.</summary>
    public IReadOnlyList<Line> LinesFrom(int first)
    {
        lock (_lines)
        {
            return [.. _lines.Skip(first)];
        }
    }

    /// <summary>The last line with this text; null when there is none.</summary>
    public Line? LastWith(string text)
    {
        lock (_lines)
        {
            return _lines.FindLast(line => line.Text.Contains(text, StringComparison.Ordinal));
        }
    }

    /// <summary>The last that it said, for a failure's message.</summary>
    public string LastWords
    {
        get
        {
            lock (_lines)
            {
                lock (_errors)
                {
                    return string.Join(
                        " | ", _lines.TakeLast(MostSaid).Concat(_errors.TakeLast(MostSaid)).Select(line => line.Text));
                }
            }
        }
    }

    /// <summary>Sends it a signal that may be its end.</summary>
    public void Send(Signal signal)
    {
        MayEnd |= signal is Signal.Kill or Signal.Terminate;
        Process.Send(signal);
    }

    /// <summary>Ends it and all that it has started, at once.</summary>
    public void End()
    {
        MayEnd = true;
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit(s_endDeadline);
        }
    }

    private static void Read(StreamReader reader, List<Line> lines)
    {
        while (reader.ReadLine() is { } text)
        {
            long at = Stopwatch.GetTimestamp();
            lock (lines)
            {
                lines.Add(new Line(at, text));
            }
        }
    }
}
