using System.CommandLine;
using System.Globalization;
using RnnLm.Cluster;

namespace RnnLm.Cli;

/// <summary><c>rnnlm worker</c>.</summary>
internal static class WorkerCommand
{
    private static ClusterSettings Cluster { get; } = new(ClusterAddress.Loopback.ToString(), needsSeeds: true);

    private static Setting<string?> WorkerName { get; } = new(
        "--name", "NAME", "What runs, logs and metrics call this worker; its address if not given.", Values.Text);

    private static Setting<bool> StopAtEndOfInput { get; } = new(
        "--stop-at-end-of-input", null, "End with standard input, and so with whoever started this process.",
        Values.Switch);

    public static Command Create()
    {
        var command = new Command("worker", "Compute for the runs of a cluster")
        {
            WorkerName, TrainSettings.Workers, TrainSettings.Threads, TrainSettings.Device, StopAtEndOfInput,
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
        using var signals = new StopSignals();
        var devices = DeviceChoice.Parse(parsed.GetRequiredValue(TrainSettings.Device));
        int workers = parsed.GetRequiredValue(TrainSettings.Workers);
        int threads = parsed.GetValue(TrainSettings.Threads) ?? Math.Max(1, Environment.ProcessorCount / workers);
        await using var host = await ClusterHost.StartAsync(Cluster.Read(parsed, ClusterHost.WorkerRole))
            .ConfigureAwait(false);
        Task stop = parsed.GetValue(StopAtEndOfInput)
            ? Task.WhenAny(signals.Requested, Task.Run(EndOfInput))
            : signals.Requested;
        await host.WorkAsync(
            parsed.GetValue(WorkerName) ?? host.Address.ToString(),
            devices.Numerics,
            (model, gradients) => devices.Make(workers, threads, model, gradients),
            text => Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:u} {text}")),
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
