using System.CommandLine;
using System.Globalization;
using System.Net;
using RnnLm.Cluster;

namespace RnnLm.Cli;

/// <summary><c>rnnlm worker</c>.</summary>
internal static class WorkerCommand
{
    /// <summary>Between two memberships: a cluster that keeps turning it away is not stormed.</summary>
    private static readonly TimeSpan s_rejoinAfter = TimeSpan.FromSeconds(1);

    private static Setting<string[]> SeedNodes { get; } = new(
        "--seed-node", "HOST:PORT…", "Processes of the cluster to join; any that can be reached will do.",
        Values.Nodes)
    {
        AllowMultipleArgumentsPerToken = true,
        Required = true,
    };

    private static Setting<IPEndPoint> Listen { get; } = new(
        "--listen", "HOST:PORT", "Where other processes reach this one; port 0 for any that is free.",
        Values.Endpoint, "127.0.0.1:0");

    private static Setting<string?> Name { get; } = new(
        "--name", "NAME", "What runs, logs and metrics call this worker; its address if not given.",
        text => WorkerName.IsOne(Values.Text(text)) ? text : throw new FormatException(WorkerName.Rule));

    private static Setting<bool> StopAtEndOfInput { get; } = new(
        "--stop-at-end-of-input", null, "End with standard input, and so with whoever started this process.",
        Values.Switch);

    public static Command Create()
    {
        var command = new Command("worker", "Compute for the runs of a cluster")
        {
            SeedNodes, Listen, Name, TrainSettings.Workers, TrainSettings.Threads, TrainSettings.Device,
            StopAtEndOfInput,
        };
        command.SetAction(async (parsed, _) =>
        {
            await RunAsync(
                parsed.GetRequiredValue(SeedNodes),
                parsed.GetRequiredValue(Listen),
                parsed.GetValue(Name),
                parsed.GetRequiredValue(TrainSettings.Workers),
                parsed.GetValue(TrainSettings.Threads),
                parsed.GetRequiredValue(TrainSettings.Device),
                parsed.GetValue(StopAtEndOfInput)).ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static async Task RunAsync(
        string[] seedNodes,
        IPEndPoint listen,
        string? name,
        int workers,
        int? threads,
        string device,
        bool stopAtEndOfInput)
    {
        // Ctrl-C in the terminal of whoever started this process is theirs: they save first, and then end this one.
        using var signals = new StopSignals(hasTerminal: !stopAtEndOfInput);
        var devices = DeviceChoice.Parse(device);
        Task stop = stopAtEndOfInput
            ? Task.WhenAny(signals.Requested, Task.Run(EndOfInput))
            : signals.Requested;
        while (!stop.IsCompleted)
        {
            await using var host = await ClusterHost.StartAsync(ClusterHost.WorkerRole, listen, seedNodes)
                .ConfigureAwait(false);
            name ??= host.Address;
            Say($"{name} looks for work at {string.Join(", ", seedNodes)}");
            await host.WorkAsync(
                name,
                devices.Numerics,
                (model, gradients) => devices.Make(
                    workers, threads ?? Math.Max(1, Environment.ProcessorCount / workers), model, gradients),
                seedNodes,
                Say,
                stop).ConfigureAwait(false);
            if (!stop.IsCompleted)
            {
                // No coordinator is left, or this process stood still for so long that it was taken for dead.
                Say($"{name} is not of the cluster any more, and joins again");
                await Task.WhenAny(stop, Task.Delay(s_rejoinAfter)).ConfigureAwait(false);
            }
        }
    }

    private static void Say(string text) =>
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:u} {text}"));

    private static void EndOfInput()
    {
        while (Console.In.Read() >= 0)
        {
            // Nothing is said to a worker this way; that nobody is there to say it ends it.
        }
    }
}
