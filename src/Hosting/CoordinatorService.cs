using System.CommandLine;
using RnnLm.Cluster;

namespace RnnLm.Hosting;

/// <summary>Runs the jobs of a run storage with the workers of a cluster.</summary>
internal sealed class CoordinatorService : ClusterService
{
    /// <summary>How long it may take to end: cluster.conf gives jobs 310 s to be saved.</summary>
    public static readonly TimeSpan LongestFarewell = TimeSpan.FromSeconds(330);

    private static readonly TimeSpan s_joining = TimeSpan.FromSeconds(30);

    private readonly Setting<string> _storage = RunStorage.Option();

    public CoordinatorService()
        : base(
            "coordinator",
            "Run the jobs of a run storage with the workers of a cluster",
            new ClusterSettings("127.0.0.1:4053", needsSeeds: false)) => Command.Options.Insert(0, _storage);

    /// <inheritdoc/>
    public override async Task RunAsync(ParseResult parsed, Action<string> say, Task stop)
    {
        var jobs = new RunStorage(parsed.GetRequiredValue(_storage));
        var options = Cluster.Read(parsed, ClusterHost.CoordinatorRole, say);
        await using var host = await ClusterHost.StartAsync(options).ConfigureAwait(false);
        var address = host.Address;
        say($"listens on {address}");
        await using var probes = await Cluster.AnswerProbesAsync(parsed, () => WhyNotReady(host, jobs), say)
            .ConfigureAwait(false);
        var runner = new JobRunner(host, jobs, say, TimeProvider.System);
        host.StartJobs(runner.Unfinished, runner.RunAsync);
        var end = Task.WhenAny(stop, host.System.WhenTerminated);
        _ = SayOfJoiningAsync(host, options, say, end);
        await end.ConfigureAwait(false);
        if (!stop.IsCompleted)
        {
            throw new RnnLmException(
                ExitCode.Cluster,
                $"coordinator {address} is out of its cluster: the others took it for dead, or it was on the smaller " +
                "side of a split; start it again");
        }

        say("leaves the cluster: jobs are saved and handed over …");
        await host.LeaveAsync().ConfigureAwait(false);
        if (runner.Running is { Count: > 0 } unsaved)
        {
            throw RnnLmException.Storage(
                $"not saved in time: {string.Join(", ", unsaved)}; it goes on from the checkpoint before; look after " +
                "the storage");
        }
    }

    private static string? WhyNotReady(ClusterHost host, RunStorage storage)
    {
        try
        {
            storage.RequireWritable();
            return host.IsUp ? null : "it is in no cluster";
        }
        catch (RnnLmException)
        {
            // Paths are nothing for whoever asks.
            return "the run storage cannot be written";
        }
    }

    private static async Task SayOfJoiningAsync(
        ClusterHost host, ClusterOptions options, Action<string> say, Task end)
    {
        while (!host.Joined.IsCompleted)
        {
            await Task.WhenAny(host.Joined, end, Task.Delay(s_joining)).ConfigureAwait(false);
            if (end.IsCompleted)
            {
                return;
            }

            if (!host.Joined.IsCompleted)
            {
                say($"is in no cluster yet: none of {string.Join(", ", options.SeedNodes)} lets it in; the first of " +
                    "them begins one");
            }
        }

        say("is in the cluster");
    }
}
