using System.Text;
using System.Text.Json;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>A step that was committed.</summary>
/// <param name="At">When (<see cref="System.Diagnostics.Stopwatch"/>).</param>
/// <param name="Incarnation">Of whom; 0 where it is not known.</param>
/// <param name="Step">Its number.</param>
/// <param name="Tokens">That it predicted.</param>
/// <param name="Seconds">Since the step before was committed.</param>
/// <param name="UpdateSeconds">From the last result to the new version.</param>
/// <param name="ComputeSeconds">Of processors, that the results took which it is made of.</param>
internal sealed record CommittedStep(
    long At,
    long Incarnation,
    long Step,
    long Tokens,
    double Seconds,
    double UpdateSeconds,
    double ComputeSeconds);

/// <summary>Another line of a run's metrics.</summary>
/// <param name="At">When it was seen.</param>
/// <param name="Incarnation">Of whom; 0 where it is not known.</param>
/// <param name="Name">Kind of event.</param>
/// <param name="Json">The line.</param>
internal sealed record RunEvent(long At, long Incarnation, string Name, JsonElement Json)
{
    /// <summary>The worker that it is of; null when it is of none.</summary>
    public string? Worker => Json.TryGetProperty("worker", out var worker) ? worker.GetString() : null;

    /// <summary>The step that it belongs to; null when it belongs to none.</summary>
    public long? Version => Json.TryGetProperty("version", out var version) ? version.GetInt64() : null;
}

/// <summary>What is known of a run while it goes on: its steps and events.</summary>
internal abstract class Journal
{
    /// <summary>Steps in the order of their lines.</summary>
    public List<CommittedStep> Steps { get; } = [];

    /// <summary>Events in the order of their lines.</summary>
    public List<RunEvent> Events { get; } = [];

    /// <summary>Takes in what is new.</summary>
    public abstract void Read();

    /// <summary>Takes in one line.</summary>
    protected void Take(long at, long incarnation, string line)
    {
        var json = JsonElement.Parse(line);
        if (json.TryGetProperty("event", out var name))
        {
            Events.Add(new RunEvent(at, incarnation, name.GetString()!, json));
        }
        else
        {
            double Number(string field) => json.GetProperty(field).GetDouble();
            Steps.Add(new CommittedStep(
                at,
                incarnation,
                json.GetProperty("step").GetInt64(),
                json.GetProperty("tokens").GetInt64(),
                Number("seconds"),
                Number("update_seconds"),
                Number("compute_seconds")));
        }
    }
}

/// <summary>What <c>train --json</c> prints, with the time at which each line came.</summary>
/// <param name="train">The process.</param>
internal sealed class PrintedJournal(Child train) : Journal
{
    private int _read;

    /// <inheritdoc/>
    public override void Read()
    {
        foreach (var line in train.LinesFrom(_read))
        {
            _read++;
            Take(line.At, 0, line.Text);
        }
    }
}

/// <summary>
/// The metrics of a run directory. They are written at the latest two seconds after what they tell of, in one piece
/// that ends with what has just happened: the seconds of the steps in it say when the others were committed.
/// </summary>
/// <param name="run">The run directory.</param>
internal sealed class StoredJournal(string run) : Journal
{
    private const string Prefix = "metrics.";
    private const string Suffix = ".jsonl";

    private long _position;

    /// <summary>Of whose metrics were read last.</summary>
    public long Incarnation { get; private set; }

    /// <inheritdoc/>
    public override void Read()
    {
        long newest = Directory.EnumerateFiles(run, $"{Prefix}*{Suffix}")
            .Select(path => Path.GetFileName(path)[Prefix.Length..^Suffix.Length])
            .Select(number => long.TryParse(number, out long incarnation) ? incarnation : 0)
            .DefaultIfEmpty().Max();
        if (newest > Incarnation)
        {
            (Incarnation, _position) = (newest, 0);
        }

        if (newest > 0)
        {
            ReadOn(Path.Combine(run, $"{Prefix}{newest}{Suffix}"));
        }
    }

    private void ReadOn(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (file.Length <= _position)
        {
            return;
        }

        long seen = System.Diagnostics.Stopwatch.GetTimestamp();
        byte[] bytes = new byte[file.Length - _position];
        file.Position = _position;
        file.ReadExactly(bytes);

        // What is behind the last line break is not written yet.
        int end = Array.LastIndexOf(bytes, (byte)'\n') + 1;
        _position += end;
        int first = Steps.Count;
        string lines = Encoding.UTF8.GetString(bytes, 0, end);
        foreach (string line in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            Take(seen, Incarnation, line);
        }

        for (int index = Steps.Count - 2; index >= first; index--)
        {
            var next = Steps[index + 1];
            Steps[index] = Steps[index] with { At = Bench.After(next.At, -next.Seconds) };
        }
    }
}
