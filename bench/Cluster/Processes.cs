using System.Text.Json.Nodes;
using RnnLm.Compare;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>A way to train that is measured once a round.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Train">Trains, and returns the run directory.</param>
internal sealed record Way(string Name, Func<string> Train)
{
    /// <summary>Of each round.</summary>
    public List<StepParts> Measured { get; } = [];
}

/// <summary>What a step of one run consists of, in medians, and what the run moved.</summary>
/// <param name="TokensPerSecond">Over the steps that count.</param>
/// <param name="StepMs">From commit to commit.</param>
/// <param name="ComputeMs">Processor time of the results, over the threads.</param>
/// <param name="UpdateMs">From the last result to the new version.</param>
/// <param name="RestMs">What is left: messages, bulk, sums, and waiting for whoever is last.</param>
/// <param name="LoopbackMb">Over the loopback interface, of all steps, for one; 10⁶ bytes.</param>
internal sealed record StepParts(
    double TokensPerSecond, double StepMs, double ComputeMs, double UpdateMs, double RestMs, double LoopbackMb);

/// <summary>
/// <c>bench/processes</c>: the same steps with as many threads as there are cores, by two workers in one process, by
/// two processes that share memory, and by two that think themselves on other hosts and fetch over HTTP, without and
/// with TLS.
/// </summary>
/// <param name="bench">Whose processes they are.</param>
/// <param name="text">What is trained.</param>
internal sealed class Processes(Bench bench, TrainingText text)
{
    private const int Workers = 2;

    /// <summary>Steps at the begin of a run that do not count: memory is taken and code compiled.</summary>
    private const int WarmupSteps = 5;

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(30);

    private readonly string _certificates = bench.NewPath("certificates");

    /// <summary>Trains each way once a round, in turn, and prints.</summary>
    public void Run(int rounds, int steps)
    {
        bench.Run(s_limit, "certificates", "--directory", _certificates);
        long all = steps + WarmupSteps;
        List<Way> ways =
        [
            new("in one process", () => Train(all, "--workers", $"{Workers}")),
            new("two, shared memory", () => Train(all, "--processes", $"{Workers}", "--min-workers", $"{Workers}")),
            new("two, HTTP", () => TrainOverHttp(all, [])),
            new("two, HTTP with TLS", () => TrainOverHttp(all, ["--certificates", _certificates])),
        ];
        for (int round = 1; round <= rounds; round++)
        {
            // Every other round in the opposite order, so that what else the machine does meets all alike.
            foreach (var way in round % 2 == 1 ? ways : Enumerable.Reverse(ways))
            {
                long before = Machine.LoopbackBytes;
                string run = way.Train();
                way.Measured.Add(PartsOf(run, (Machine.LoopbackBytes - before) / 1e6));
                Bench.Say($"round {round}/{rounds}: {way.Name}: {way.Measured[^1].TokensPerSecond:N0} tokens/s");
            }
        }

        bench.Report(figures => Print(figures, ways, steps));
    }

    private string Train(long steps, params IReadOnlyList<string> workers)
    {
        string run = bench.NewPath("run");
        bench.Run(
            s_limit,
            [
                "train", "--run", run, .. text.Options(steps), "--device", "cpu",
                "--threads", $"{Machine.HalfOfTheCores}", .. workers,
            ]);
        return run;
    }

    /// <summary>
    /// Two processes take each other for one host's when boot, process namespace and user are the same. Each worker
    /// gets a process namespace of its own, and so its bulk goes over HTTP.
    /// </summary>
    private string TrainOverHttp(long steps, IReadOnlyList<string> certificates)
    {
        List<string> apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
        if (Environment.UserName != "root")
        {
            // Without root a process namespace needs a user namespace.
            apart.AddRange(["--user", "--map-current-user"]);
        }

        var cluster = new TrialCluster(bench, 1, ClusterProfile.Steady)
        {
            Certificates = certificates,
            WorkerLauncher = apart,
        };
        try
        {
            cluster.Start(text, steps, 0, Workers);
            bench.WaitUntil(
                "the end of the job", s_limit, () => cluster.Coordinators[0].LastWith("trained to step") is not null);
            return cluster.Run;
        }
        finally
        {
            cluster.End();
        }
    }

    private static StepParts PartsOf(string run, double loopbackMb)
    {
        var journal = new StoredJournal(run);
        journal.Read();
        var steps = journal.Steps.Skip(WarmupSteps).ToList();
        double threads = Workers * Machine.HalfOfTheCores;
        double Ms(Func<CommittedStep, double> seconds) => 1000 * Statistics.Median(steps.Select(seconds));
        return new StepParts(
            steps.Sum(step => step.Tokens) / steps.Sum(step => step.Seconds),
            Ms(step => step.Seconds),
            Ms(step => step.ComputeSeconds / threads),
            Ms(step => step.UpdateSeconds),
            Ms(step => step.Seconds - (step.ComputeSeconds / threads) - step.UpdateSeconds),
            loopbackMb / journal.Steps.Count);
    }

    private void Print(JsonObject figures, List<Way> ways, int steps)
    {
        Console.WriteLine(
            $"{text.Preset}, {Workers} × {Machine.HalfOfTheCores} threads; medians of {ways[0].Measured.Count} " +
            $"rounds of {steps} steps each, after {WarmupSteps} that do not count\n");
        static string Spread(IReadOnlyList<double> values, string format) =>
            $"{values.Min().ToString(format, null)} … {values.Max().ToString(format, null)}";
        Table.Print(["", "tokens/s", "min … max", "÷ one process", "min … max"], ways.Select(way =>
        {
            var speeds = way.Measured.ConvertAll(each => each.TokensPerSecond);
            var ratios = Ratios(way, ways[0]);
            return (IReadOnlyList<string>)
            [
                way.Name,
                $"{Statistics.Median(speeds):N0}",
                Spread(speeds, "N0"),
                $"{Statistics.Median(ratios):0.000}",
                Spread(ratios, "0.000"),
            ];
        }));
        Console.WriteLine();
        Table.Print(["ms a step", "whole", "compute", "update", "rest", "MB over loopback"], ways.Select(way =>
        {
            string Median(Func<StepParts, double> part) => $"{Statistics.Median(way.Measured.Select(part)):0.0}";
            return (IReadOnlyList<string>)
            [
                way.Name,
                Median(each => each.StepMs),
                Median(each => each.ComputeMs),
                Median(each => each.UpdateMs),
                Median(each => each.RestMs),
                Median(each => each.LoopbackMb),
            ];
        }));
        figures["preset"] = text.Preset;
        figures["steps"] = steps;
        figures["ways"] = new JsonObject(ways.Select(way => new KeyValuePair<string, JsonNode?>(
            way.Name, Figures(way, Ratios(way, ways[0])))));
    }

    private static JsonObject Figures(Way way, IReadOnlyList<double> ratios)
    {
        JsonArray Values(Func<StepParts, double> part) =>
            [.. way.Measured.Select(each => JsonValue.Create(Math.Round(part(each), 3)))];
        return new JsonObject
        {
            ["tokens_per_second"] = Values(each => each.TokensPerSecond),
            ["ratio"] = new JsonArray([.. ratios.Select(ratio => JsonValue.Create(Math.Round(ratio, 4)))]),
            ["step_ms"] = Values(each => each.StepMs),
            ["compute_ms"] = Values(each => each.ComputeMs),
            ["update_ms"] = Values(each => each.UpdateMs),
            ["rest_ms"] = Values(each => each.RestMs),
            ["loopback_mb"] = Values(each => each.LoopbackMb),
        };
    }

    /// <summary>Speed of one over speed of the other, round by round.</summary>
    private static IReadOnlyList<double> Ratios(Way one, Way other) =>
        [.. one.Measured.Zip(other.Measured, (a, b) => a.TokensPerSecond / b.TokensPerSecond)];
}
