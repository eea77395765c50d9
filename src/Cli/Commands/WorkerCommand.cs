using System.CommandLine;
using RnnLm.Cluster;

namespace RnnLm.Cli;

/// <summary><c>rnnlm worker</c>.</summary>
internal static class WorkerCommand
{
    /// <summary>A year: far beyond use.</summary>
    private const double MostIdleSeconds = 365 * 24 * 3600;

    private static ClusterSettings Cluster { get; } = new(ClusterAddress.Loopback.ToString(), needsSeeds: true);

    private static Setting<string?> Name { get; } = new(
        "--name", "NAME", "What runs, logs and metrics call this worker; its address if not given.",
        text => WorkerName.IsOne(Values.Text(text)) ? text : throw new FormatException(WorkerName.Rule));

    private static Setting<bool> StopAtEndOfInput { get; } = new(
        "--stop-at-end-of-input", null, "End with standard input, and so with whoever started this process.",
        Values.Switch);

    private static Setting<double?> StopWhenIdle { get; } = new(
        "--stop-when-idle", "SECONDS", "End when there has been no work for so long; never if not given.",
        text => Values.Positive(text, MostIdleSeconds));

    public static Command Create()
    {
        var command = new Command("worker", "Compute for the runs of a cluster")
        {
            Name, TrainSettings.Workers, TrainSettings.Threads, TrainSettings.Device, StopAtEndOfInput, StopWhenIdle,
        };
        foreach (var option in Cluster.Options)
        {
            command.Options.Add(option);
        }

        command.SetAction(async (parsed, _) =>
        {
            await RunAsync(parsed).ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static async Task RunAsync(ParseResult parsed)
    {
        // Ctrl-C in the terminal of whoever started this process is theirs: they save first, and then end this one.
        bool stopAtEndOfInput = parsed.GetValue(StopAtEndOfInput);
        using var signals = new StopSignals(hasTerminal: !stopAtEndOfInput);
        var devices = DeviceChoice.Parse(parsed.GetRequiredValue(TrainSettings.Device));
        int workers = parsed.GetRequiredValue(TrainSettings.Workers);
        int threads = parsed.GetValue(TrainSettings.Threads) ?? Math.Max(1, Environment.ProcessorCount / workers);
        var options = Cluster.Read(parsed, ClusterHost.WorkerRole, TimedLine.Print);
        string? name = parsed.GetValue(Name);
        Task stop = stopAtEndOfInput
            ? Task.WhenAny(signals.Requested, Task.Run(EndOfInput))
            : signals.Requested;
        await using var host = await ClusterHost.StartAsync(options).ConfigureAwait(false);
        await using var probes = await Cluster.AnswerProbesAsync(parsed, () => null).ConfigureAwait(false);
        name ??= host.Address.ToString();
        TimedLine.Print($"{name} looks for work at {string.Join(", ", options.SeedNodes)}");
        await host.WorkAsync(
            name,
            devices.Numerics,
            (model, gradients) => devices.Make(workers, threads, model, gradients),
            TimedLine.Print,
            parsed.GetValue(StopWhenIdle) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            stop).ConfigureAwait(false);
    }

    private static void EndOfInput()
    {
        while (Console.In.Read() >= 0)
        {
            // Nothing is said to a worker this way; that nobody is there to say it ends it.
        }
    }
}
