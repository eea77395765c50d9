using System.CommandLine;
using RnnLm.Cluster;

namespace RnnLm.Hosting;

/// <summary>Computes for the runs of a cluster.</summary>
internal sealed class WorkerService : ClusterService
{
    /// <summary>A year: far beyond use.</summary>
    private const double MostIdleSeconds = 365 * 24 * 3600;

    private readonly Setting<string?> _name = new(
        "--name", "NAME", "What runs, logs and metrics call this worker; its address if not given.",
        text => WorkerName.IsOne(Values.Text(text)) ? text : throw new FormatException(WorkerName.Rule));

    /// <summary>Seconds without work after which it ends.</summary>
    public Setting<double?> StopWhenIdle { get; } = new(
        "--stop-when-idle", "SECONDS", "End when there has been no work for so long; never if not given.",
        text => Values.Positive(text, MostIdleSeconds));

    public WorkerService()
        : base(
            "worker",
            "Compute for the runs of a cluster",
            new ClusterSettings(ClusterAddress.Loopback.ToString(), needsSeeds: true))
    {
        Command.Options.Add(_name);
        Command.Options.Add(TrainSettings.Workers);
        Command.Options.Add(TrainSettings.Threads);
        Command.Options.Add(TrainSettings.Device);
        Command.Options.Add(StopWhenIdle);
    }

    /// <inheritdoc/>
    public override async Task RunAsync(ParseResult parsed, Action<string> say, Task stop)
    {
        var devices = DeviceChoice.Parse(parsed.GetRequiredValue(TrainSettings.Device));
        int workers = parsed.GetRequiredValue(TrainSettings.Workers);
        int threads = parsed.GetValue(TrainSettings.Threads) ?? Math.Max(1, Environment.ProcessorCount / workers);
        var options = Cluster.Read(parsed, ClusterHost.WorkerRole, say);
        await using var host = await ClusterHost.StartAsync(options).ConfigureAwait(false);
        await using var probes = await Cluster.AnswerProbesAsync(parsed, () => null, say).ConfigureAwait(false);
        string name = parsed.GetValue(_name) ?? host.Address.ToString();
        say($"{name} looks for work at {string.Join(", ", options.SeedNodes)}");
        await host.WorkAsync(
            name,
            devices.Numerics,
            (model, gradients) => devices.Make(workers, threads, model, gradients),
            say,
            parsed.GetValue(StopWhenIdle) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            stop).ConfigureAwait(false);
    }
}
