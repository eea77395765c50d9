using System.Buffers;
using System.Text.Json;

namespace RnnLm.Shared;

/// <summary>
/// Writes down what the threads of this process do, and when, for chrome://tracing and ui.perfetto.dev: a JSON array of
/// events. Source: "Trace Event Format", Google, 2016. For any threads. An event costs its thread about a microsecond;
/// a thread of the profiler's own writes the file, so that a slow disk holds nobody up.
/// </summary>
/// <remarks>
/// Memory is bounded, and so is the file: an event too many is counted and left out. Only whole events are written, so
/// that what a killed process leaves lacks the last bracket at most, which the format permits.
/// </remarks>
public sealed class Profiler : IDisposable
{
    /// <summary>Most events of a file, some 100 MB: whoever shows them holds all of them in memory.</summary>
    public const int MostEvents = 1_000_000;

    private const int MostPendingBytes = 1 << 22;
    private const decimal TicksPerMicrosecond = TimeSpan.TicksPerMicrosecond;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan EndDeadline = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly ManualResetEventSlim _ending = new();
    private readonly HashSet<int> _namedThreads = [];
    private readonly Stream _output;
    private readonly TimeProvider _time;
    private readonly int _mostEvents;
    private readonly long _start;
    private readonly Utf8JsonWriter _json;
    private readonly Thread _writer;
    private ArrayBufferWriter<byte> _pending = new();
    private ArrayBufferWriter<byte> _spare = new();
    private bool _hasBegun;
    private bool _hasEnded;
    private int _count;
    private long _missing;
    private Exception? _failure;

    /// <summary>Begins a profile.</summary>
    /// <param name="output">Where it is written; owned.</param>
    /// <param name="process">What the process is called.</param>
    /// <param name="time">The clock.</param>
    /// <param name="mostEvents">After so many no more are written.</param>
    public Profiler(Stream output, string process, TimeProvider time, int mostEvents = MostEvents)
    {
        ArgumentNullException.ThrowIfNull(time);
        (_output, _time, _mostEvents) = (output, time, mostEvents);
        _start = time.GetTimestamp();
        _json = new Utf8JsonWriter(_pending);
        Write("M", "process_name", TimeSpan.Zero, arguments: json => json.WriteString("name", process));
        _writer = new Thread(WriteOut) { IsBackground = true, Name = "profile" };
        _writer.Start();
    }

    /// <summary>After the end: why the file lacks events; null when it has all of them.</summary>
    public string? WhyIncomplete { get; private set; }

    private TimeSpan Now => _time.GetElapsedTime(_start);

    /// <summary>Begins something that this thread does; it ends, on this thread, when what is returned is
    /// disposed.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="version">Of the parameters that it works with, where that is not in the name.</param>
    public ProfiledWork Begin(string name, long? version = null) => new(this, name, version, Now);

    /// <summary>Notes a figure that changes with time.</summary>
    /// <param name="name">Which.</param>
    /// <param name="value">What it is from now on; one that is infinite or not a number is passed over.</param>
    public void Count(string name, double value)
    {
        var now = Now;
        lock (_gate)
        {
            if (double.IsFinite(value) && HasRoom())
            {
                Write("C", name, now, arguments: json => json.WriteNumber(name, value));
            }
        }
    }

    /// <summary>Writes what is left and closes the file; nothing more is taken.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_hasEnded)
            {
                return;
            }

            _hasEnded = true;
            if (_missing > 0)
            {
                WhyIncomplete = $"{_missing} events are missing: it holds {_mostEvents} at most, and none that its " +
                    "disk cannot take in time";
                Write("i", WhyIncomplete, Now);
            }

            _pending.Write("\n]\n"u8);
        }

        _ending.Set();
        if (!_writer.Join(EndDeadline))
        {
            WhyIncomplete = "its disk does not answer";
            return;
        }

        WhyIncomplete = _failure is null ? WhyIncomplete : $"it cannot be written ({_failure.Message})";
        _ending.Dispose();
        _json.Dispose();
    }

    /// <summary>Ends what was begun.</summary>
    internal void End(string name, long? version, TimeSpan begun)
    {
        var duration = Now - begun;
        int thread = Environment.CurrentManagedThreadId;
        lock (_gate)
        {
            if (!HasRoom())
            {
                return;
            }

            if (_namedThreads.Add(thread))
            {
                string threadName = Thread.CurrentThread.Name ?? $"thread {thread}";
                Write("M", "thread_name", begun, thread, arguments: json => json.WriteString("name", threadName));
            }

            Write(
                "X", name, begun, thread, duration, version is { } it ? json => json.WriteNumber("version", it) : null);
        }
    }

    /// <summary>Takes one more event in.</summary>
    private bool HasRoom()
    {
        if (_hasEnded)
        {
            return false;
        }

        if (_count == _mostEvents || _pending.WrittenCount > MostPendingBytes)
        {
            _missing++;
            return false;
        }

        _count++;
        return true;
    }

    private void Write(
        string phase,
        string name,
        TimeSpan at,
        int? thread = null,
        TimeSpan? duration = null,
        Action<Utf8JsonWriter>? arguments = null)
    {
        _pending.Write(_hasBegun ? ",\n"u8 : "[\n"u8);
        _hasBegun = true;
        _json.Reset(_pending);
        _json.WriteStartObject();
        _json.WriteString("name", name);
        _json.WriteString("ph", phase);
        _json.WriteNumber("pid", Environment.ProcessId);
        _json.WriteNumber("ts", at.Ticks / TicksPerMicrosecond);
        if (thread is { } id)
        {
            _json.WriteNumber("tid", id);
        }

        if (duration is { } length)
        {
            _json.WriteNumber("dur", length.Ticks / TicksPerMicrosecond);
        }

        if (arguments is not null)
        {
            _json.WriteStartObject("args");
            arguments(_json);
            _json.WriteEndObject();
        }

        _json.WriteEndObject();
        _json.Flush();
    }

    private void WriteOut()
    {
        bool isLast;
        do
        {
            isLast = _ending.Wait(Pause);
            ArrayBufferWriter<byte> events;
            lock (_gate)
            {
                events = _pending;
                (_pending, _spare) = (_spare, events);
            }

            try
            {
                if (_failure is null)
                {
                    _output.Write(events.WrittenSpan);
                }
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                _failure = failure;
            }

            events.ResetWrittenCount();
        }
        while (!isLast);
        _output.Dispose();
    }
}

/// <summary>Something that a thread has begun, until it is disposed.</summary>
public readonly struct ProfiledWork : IDisposable
{
    private readonly Profiler _profiler;
    private readonly string _name;
    private readonly long? _version;
    private readonly TimeSpan _begun;

    internal ProfiledWork(Profiler profiler, string name, long? version, TimeSpan begun) =>
        (_profiler, _name, _version, _begun) = (profiler, name, version, begun);

    /// <inheritdoc/>
    public void Dispose() => _profiler.End(_name, _version, _begun);
}
