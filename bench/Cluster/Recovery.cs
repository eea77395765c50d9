using System.Text.Json.Nodes;
using RnnLm.Compare;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>One thing that goes wrong, and how soon it must be over.</summary>
/// <param name="Name">What the command line calls it.</param>
/// <param name="Meaning">What the seconds are.</param>
/// <param name="GoalSeconds">The most that a repetition may take.</param>
/// <param name="Measure">Measures it so many times.</param>
internal sealed record RecoveryCase(
    string Name, string Meaning, double GoalSeconds, Func<int, IReadOnlyList<Repetition>> Measure);

/// <summary>What one repetition has measured.</summary>
/// <param name="Seconds">What counts.</param>
/// <param name="Parts">What it is made of, in seconds, and what else there is to say, in numbers.</param>
internal sealed record Repetition(double Seconds, IReadOnlyDictionary<string, double> Parts);

/// <summary><c>bench/recovery</c>: how long training stands still when a process of the cluster is lost.</summary>
/// <param name="bench">Whose processes they are.</param>
/// <param name="text">What is trained.</param>
internal sealed class Recovery(Bench bench, TrainingText text)
{
    /// <summary>Names of all cases.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "worker-killed", "worker-frozen", "worker-started", "node-killed-steady", "node-killed-fast", "node-stopped",
    ];

    private IReadOnlyList<RecoveryCase> Cases =>
    [
        new(
            Names[0],
            "SIGKILL of one of two workers in the middle of a step, to the commit of that step, without the " +
            "processor time of the half that was lost",
            1,
            count => new WorkerFaults(bench, text).Killed(count)),
        new(
            Names[1],
            "SIGSTOP instead; from the begin of the step for which the worker is late to its commit, without the " +
            "lateness rule (twice the expected time of the range, at least 250 ms) and the processor time of the half",
            0.5,
            count => new WorkerFaults(bench, text).Frozen(count)),
        new(
            Names[2],
            "from the first line of a new `rnnlm worker`, which says that it looks for work, to the commit of the " +
            "first step begun after it had joined",
            2,
            count => new WorkerFaults(bench, text).Started(count)),
        new(
            Names[3],
            "SIGKILL of the coordinator process that runs the job, to the first step committed by another; profile " +
            "steady",
            30,
            count => new NodeFaults(bench, text, ClusterProfile.Steady).Killed(count)),
        new(
            Names[4],
            "the same; profile fast",
            15,
            count => new NodeFaults(bench, text, ClusterProfile.Fast).Killed(count)),
        new(
            Names[5],
            "SIGTERM instead; profile steady",
            3,
            count => new NodeFaults(bench, text, ClusterProfile.Steady).Stopped(count)),
    ];

    /// <summary>Measures and prints.</summary>
    /// <param name="repetitions">Of each case.</param>
    /// <param name="only">The cases; all if none.</param>
    public void Run(int repetitions, IReadOnlyList<string> only)
    {
        var measured = Cases.Where(each => only.Count == 0 || only.Contains(each.Name))
            .Select(each => (Case: each, Repetitions: each.Measure(repetitions)))
            .ToList();
        bench.Report(figures =>
        {
            Table.Print(
                ["seconds", "median", "worst", "goal", "missed"],
                measured.Select(each => (IReadOnlyList<string>)
                [
                    each.Case.Name,
                    $"{Statistics.Median(each.Repetitions.Select(one => one.Seconds)):0.00}",
                    $"{each.Repetitions.Max(one => one.Seconds):0.00}",
                    $"{each.Case.GoalSeconds:0.0}",
                    $"{Missed(each.Case, each.Repetitions)} of {each.Repetitions.Count}",
                ]));
            var cases = new JsonObject();
            foreach (var (each, all) in measured)
            {
                Print(each, all);
                cases[each.Name] = Figures(each, all);
            }

            figures["preset"] = text.Preset;
            figures["cases"] = cases;
        });
    }

    /// <summary>Says that a repetition is done.</summary>
    public static Repetition Done(string name, int number, int count, Repetition repetition)
    {
        string parts = string.Join(", ", repetition.Parts.Select(part => $"{part.Key} {part.Value:0.00}"));
        Bench.Say($"{name} {number}/{count}: {repetition.Seconds:0.00} s; {parts}");
        return repetition;
    }

    private static int Missed(RecoveryCase each, IReadOnlyList<Repetition> all) =>
        all.Count(one => one.Seconds > each.GoalSeconds);

    private static void Print(RecoveryCase each, IReadOnlyList<Repetition> all)
    {
        Console.WriteLine($"\n{each.Name}: {each.Meaning}. Median (worst):");
        foreach (string part in all[0].Parts.Keys)
        {
            var values = all.Select(one => one.Parts[part]).ToList();
            Console.WriteLine($"- {part}: {Statistics.Median(values):0.00} ({values.Max():0.00})");
        }

        foreach (var (one, number) in all.Select((one, index) => (one, index + 1)))
        {
            if (one.Seconds > each.GoalSeconds)
            {
                Console.WriteLine($"- missed: repetition {number} with {one.Seconds:0.00} s");
            }
        }
    }

    private static JsonObject Figures(RecoveryCase each, IReadOnlyList<Repetition> all)
    {
        static JsonArray Values(IEnumerable<double> values) =>
            [.. values.Select(value => JsonValue.Create(Math.Round(value, 4)))];
        var parts = new JsonObject();
        foreach (string part in all[0].Parts.Keys)
        {
            parts[part] = Values(all.Select(one => one.Parts[part]));
        }

        return new JsonObject
        {
            ["median"] = Math.Round(Statistics.Median(all.Select(one => one.Seconds)), 4),
            ["worst"] = Math.Round(all.Max(one => one.Seconds), 4),
            ["goal"] = each.GoalSeconds,
            ["missed"] = Missed(each, all),
            ["seconds"] = Values(all.Select(one => one.Seconds)),
            ["parts"] = parts,
        };
    }
}
