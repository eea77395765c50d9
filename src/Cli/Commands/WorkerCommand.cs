using System.CommandLine;
using System.Globalization;
using System.Net;
using RnnLm.Cluster;

namespace RnnLm.Cli;

/// <summary><c>rnnlm worker</c>.</summary>
internal static class WorkerCommand
{
    private static Setting<string[]> SeedNodes { get; } = new(
        "--seed-node", "HOST:PORT…", "Processes of the cluster to join; any that can be reached will do.",
        texts => [.. texts.Select(text => Values.Endpoint(text).ToString())])
    {
        AllowMultipleArgumentsPerToken = true,
        Required = true,
    };

    private static Setting<IPEndPoint> Listen { get; } = new(
        "--listen", "HOST:PORT", "Where other processes reach this one; port 0 for any that is free.",
        Values.Endpoint, "127.0.0.1:0");

    private static Setting<string?> WorkerName { get; } = new(
        "--name", "NAME", "What runs, logs and metrics call this worker; its address if not given.", Values.Text);

    private static Setting<bool> StopAtEndOfInput { get; } = new(
        "--stop-at-end-of-input", null, "End with standard input, and so with whoever started this process.",
        Values.Switch);

    public static Command Create()
    {
        var command = new Command("worker", "Compute for the runs of a cluster")
        {
            SeedNodes, Listen, WorkerName, TrainSettings.Workers, TrainSettings.Threads, TrainSettings.Device,
            StopAtEndOfInput,
        };
        command.SetAction(async (parsed, _) =>
        {
            await RunAsync(
                parsed.GetRequiredValue(SeedNodes),
                parsed.GetRequiredValue(Listen),
                parsed.GetValue(WorkerName),
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
        using var signals = new StopSignals();
        var devices = DeviceChoice.Parse(device);
        await using var host = await ClusterHost.StartAsync(ClusterHost.WorkerRole, listen, seedNodes)
            .ConfigureAwait(false);
        Task stop = stopAtEndOfInput
            ? Task.WhenAny(signals.Requested, Task.Run(EndOfInput))
            : signals.Requested;
        await host.WorkAsync(
            name ?? host.Address,
            devices.Numerics,
            (model, gradients) => devices.Make(
                workers, threads ?? Math.Max(1, Environment.ProcessorCount / workers), model, gradients),
            seedNodes,
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
