using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using RnnLm.Simulation;
using static RnnLm.Hosting.Values;

namespace RnnLm.Cli;

/// <summary><c>rnnlm simulate</c>: seeded disasters of the whole trainer on virtual time.</summary>
internal static class SimulateCommand
{
    private static readonly TimeSpan ProgressPause = TimeSpan.FromSeconds(2);

    public static Command Create()
    {
        var seeds = new Setting<(long First, long End)>(
            "--seeds", "A..B", "Seeds A to B - 1, or one seed", ReadSeeds, "1..1001");
        var faults = new Setting<Faults>(
            "--faults", "LIST", $"What may go wrong, with commas between: {Names}; all or none", ReadFaults, "all");
        var threads = new Setting<int>(
            "--threads", "N", "Seeds side by side", text => Whole(text, 1), $"{Environment.ProcessorCount}");
        var trace = new Setting<bool>("--trace", null, "Print all that happens; for one seed", Switch);
        var command = new Command(
            "simulate", "Simulate the whole trainer on virtual time, with faults that a seed decides")
        {
            seeds, faults, threads, trace,
        };
        command.SetAction(parsed => Run(
            parsed.GetValue(seeds), parsed.GetValue(faults), parsed.GetValue(threads), parsed.GetValue(trace)));
        return command;
    }

    private static string Names => string.Join(
        ", ",
        Enum.GetNames<Faults>().Where(name => name is not ("None" or "All"))
            .Select(name => name.ToLowerInvariant()));

    private static int Run((long First, long End) seeds, Faults faults, int threads, bool isTraced)
    {
        if (seeds.End - seeds.First == 1)
        {
            var result = Simulator.Run(seeds.First, faults, isTraced ? Console.Out.WriteLine : null);
            Console.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"seed {result.Seed}: {result.Events} events in {result.VirtualTime.TotalSeconds:F1} virtual s, " +
                $"trace {result.TraceHash:x16}, " +
                $"{(result.Broken is null ? "every promise kept" : "a promise broken")}"));
            return result.Broken is null ? 0 : throw Failure(result, faults);
        }

        if (isTraced)
        {
            throw RnnLmException.Usage("--trace: is for one seed; give --seeds one number");
        }

        var time = Stopwatch.StartNew();
        var said = TimeSpan.Zero;
        var totals = Simulator.Run(seeds.First, seeds.End, faults, threads, totals =>
        {
            if (time.Elapsed - said > ProgressPause)
            {
                said = time.Elapsed;
                Console.Out.WriteLine(Progress(totals, time.Elapsed));
            }

            return totals.Failures.Count == 0;
        });
        Console.Out.WriteLine(Progress(totals, time.Elapsed));
        foreach (var (what, times) in totals.Counts)
        {
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {times,12:N0}  {what}"));
        }

        Console.Out.WriteLine($"trace {totals.TraceHash:x16} of all seeds");
        return totals.Failures.Count == 0 ? 0 : throw Failure(totals.Failures.MinBy(failure => failure.Seed)!, faults);
    }

    private static string Progress(SimulationTotals totals, TimeSpan elapsed) => string.Create(
        CultureInfo.InvariantCulture,
        $"{totals.Seeds:N0} seeds, {totals.Seeds / elapsed.TotalMinutes:N0} a minute, " +
        $"{totals.VirtualTime.TotalHours:N0} virtual hours, " +
        $"{Enum.GetNames<Faults>().Sum(fault => totals.Counts.GetValueOrDefault(fault)):N0} faults, " +
        $"{totals.Events:N0} events, {totals.Failures.Count} failed");

    private static RnnLmException Failure(SimulationResult result, Faults faults)
    {
        string names = faults.ToString().Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant();
        string which = faults == Faults.All ? string.Empty : $" --faults {names}";
        return new RnnLmException(
            ExitCode.Defect,
            $"seed {result.Seed}: {result.Broken!.Split('\n')[0]}; replay it with: rnnlm simulate --seeds " +
            $"{result.Seed}{which} --trace (trace {result.TraceHash:x16})");
    }

    private static (long First, long End) ReadSeeds(string text)
    {
        string[] parts = text.Split("..");
        return long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long first)
            && parts.Length <= 2
            && long.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out long end)
            && (parts.Length == 1 || first < end)
            ? (first, parts.Length == 1 ? first + 1 : end)
            : throw new FormatException("use A..B with A smaller than B, for seeds A to B - 1, or one number");
    }

    private static Faults ReadFaults(string text) =>
        !text.Any(char.IsDigit) && Enum.TryParse(text, ignoreCase: true, out Faults faults)
            ? faults
            : throw new FormatException($"use all, none or some of {Names}");
}
