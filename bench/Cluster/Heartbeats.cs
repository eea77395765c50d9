using System.Diagnostics;
using System.Text.Json.Nodes;
using RnnLm.Compare;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>
/// <c>bench/heartbeats</c>: a cluster whose workers compute on every core, and an observer that is a member: how far
/// apart the coordinators' heartbeats come, and whether anybody is taken for lost who is not.
/// </summary>
/// <param name="bench">Whose processes they are.</param>
/// <param name="text">What is trained.</param>
/// <param name="profile">Of all processes.</param>
internal sealed class Heartbeats(Bench bench, TrainingText text, ClusterProfile profile)
{
    private static readonly TimeSpan s_lookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_memberLimit = TimeSpan.FromMinutes(2);
    private static readonly string[] s_alarms = ["unreachable", "downed", "removed"];

    /// <summary>Watches for so long, and prints.</summary>
    public void Run(TimeSpan duration, int coordinators)
    {
        var cluster = new TrialCluster(bench, coordinators, profile);
        cluster.Start(text, TrainingText.EndlessSteps, 0, minWorkers: 2);
        var observer = Observer.Join(bench, cluster.Addresses, profile);
        try
        {
            var journal = new StoredJournal(cluster.Run);
            cluster.WaitForSteps(journal);
            bench.WaitUntil("all members to be up", s_memberLimit, () => observer.Up().Count == coordinators + 1);
            long began = Stopwatch.GetTimestamp();
            var (looked, steps, ownDelay) = (0L, journal.Steps.Count, 0.0);
            using var delays = new TimerDelays();
            bench.Pass(duration, () =>
            {
                if (Stopwatch.GetElapsedTime(looked) >= s_lookEvery)
                {
                    looked = Stopwatch.GetTimestamp();
                    journal.Read();
                    observer.Look();
                }
            });
            ownDelay = delays.LongestSeconds;
            bench.Report(figures => Print(figures, new Watch(cluster, observer, journal, began, steps, ownDelay)));
        }
        finally
        {
            observer.DisposeAsync().AsTask().GetAwaiter().GetResult();
            cluster.End();
        }
    }

    private void Print(JsonObject figures, Watch watch)
    {
        var own = watch.Cluster.Addresses.Select(address => address.Port).ToList();
        var rows = watch.Observer.Gaps()
            .Select(node => (
                Name: $"coordinator {own.IndexOf(node.Key)}",
                Seconds: node.Value.Where(gap => gap.At - watch.Began >= Stopwatch.Frequency)
                    .Select(gap => gap.Seconds).ToList()))
            .Where(node => node.Seconds.Count > 0)
            .OrderBy(node => node.Name, StringComparer.Ordinal)
            .ToList();
        Table.Print(["seconds between heartbeats", "how many", "median", "longest"], rows.Select(node =>
            (IReadOnlyList<string>)
            [
                node.Name,
                $"{node.Seconds.Count}",
                $"{Statistics.Median(node.Seconds):0.00}",
                $"{node.Seconds.Max():0.00}",
            ]));
        var alarms = watch.Observer.Changes
            .Where(change => change.At >= watch.Began && s_alarms.Contains(change.What))
            .Select(change => $"{change.What}: {change.Role} at {change.Port} after " +
                $"{Bench.Seconds(watch.Began, change.At):0.0} s")
            .ToList();
        var lost = watch.Journal.Events.Where(line => line.At >= watch.Began && line.Name == "worker_lost")
            .Select(line => $"{line.Worker}: {line.Json.GetProperty("reason").GetString()}").ToList();
        var searching = watch.Cluster.Workers
            .SelectMany(worker => worker.LinesFrom(0).Where(line => line.At >= watch.Began &&
                line.Text.Contains("has lost its coordinator", StringComparison.Ordinal)))
            .Select(line => line.Text)
            .ToList();
        double longest = rows.Max(node => node.Seconds.Max());
        Console.WriteLine(
            $"\n{Bench.Seconds(watch.Began, Stopwatch.GetTimestamp()) / 60:0.0} min, profile {profile}, which allows " +
            $"{(profile == ClusterProfile.Fast ? 3 : 6)} s; longest {longest:0.00} s; the observer's own timers were " +
            $"{watch.OwnDelaySeconds:0.00} s late at most; {watch.StepCount} steps meanwhile");
        PrintAll("members taken for unreachable or lost, by whomever", alarms);
        PrintAll("workers whose link ended, by the coordinator", lost);
        PrintAll("and by the workers", searching);
        figures["profile"] = profile == ClusterProfile.Fast ? "fast" : "steady";
        figures["seconds"] = Math.Round(Bench.Seconds(watch.Began, Stopwatch.GetTimestamp()), 1);
        figures["longest_gap"] = Math.Round(longest, 3);
        figures["observer_delay"] = Math.Round(watch.OwnDelaySeconds, 3);
        figures["steps"] = watch.StepCount;
        figures["nodes"] = new JsonObject(rows.Select(node => new KeyValuePair<string, JsonNode?>(
            node.Name,
            new JsonObject
            {
                ["heartbeats"] = node.Seconds.Count,
                ["median"] = Math.Round(Statistics.Median(node.Seconds), 3),
                ["longest"] = Math.Round(node.Seconds.Max(), 3),
            })));
        figures["alarms"] = Texts(alarms);
        figures["links_lost"] = Texts(lost);
        figures["coordinators_lost"] = Texts(searching);
    }

    private static void PrintAll(string title, List<string> lines)
    {
        Console.WriteLine($"{title}: {lines.Count}");
        foreach (string line in lines)
        {
            Console.WriteLine($"- {line}");
        }
    }

    private static JsonArray Texts(IEnumerable<string> texts) => [.. texts.Select(text => JsonValue.Create(text))];

    /// <summary>What was watched.</summary>
    private sealed record Watch(
        TrialCluster Cluster,
        Observer Observer,
        StoredJournal Journal,
        long Began,
        int StepsBefore,
        double OwnDelaySeconds)
    {
        public int StepCount => Journal.Steps.Count - StepsBefore;
    }
}

/// <summary>How late a thread of this process wakes up: heartbeats that it takes in may seem as late.</summary>
internal sealed class TimerDelays : IDisposable
{
    private const int SleepMs = 100;

    private readonly Thread _thread;
    private volatile bool _isEnding;
    private double _longest;

    /// <summary>Begins to measure.</summary>
    public TimerDelays()
    {
        _thread = new Thread(Measure) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>The latest so far.</summary>
    public double LongestSeconds => Volatile.Read(ref _longest);

    /// <inheritdoc/>
    public void Dispose()
    {
        _isEnding = true;
        _thread.Join();
    }

    private void Measure()
    {
        while (!_isEnding)
        {
            long before = Stopwatch.GetTimestamp();
            Thread.Sleep(SleepMs);
            double late = Stopwatch.GetElapsedTime(before).TotalSeconds - (SleepMs / 1000.0);
            Volatile.Write(ref _longest, Math.Max(_longest, late));
        }
    }
}
