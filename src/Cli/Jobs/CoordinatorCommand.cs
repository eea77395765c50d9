using System.CommandLine;
using RnnLm.Cluster;

namespace RnnLm.Cli;

/// <summary><c>rnnlm coordinator</c>.</summary>
internal static class CoordinatorCommand
{
    private static readonly TimeSpan s_joining = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        var cluster = new ClusterSettings("127.0.0.1:4053", needsSeeds: false);
        var storage = RunStorage.Option();
        var command = new Command("coordinator", "Run the jobs of a run storage with the workers of a cluster")
        {
            storage,
        };
        foreach (var option in cluster.Options)
        {
            command.Options.Add(option);
        }

        command.SetAction(async (parsed, cancellation) =>
        {
            using var signals = new StopSignals();
            var jobs = new RunStorage(parsed.GetRequiredValue(storage));
            var options = cluster.Read(parsed, ClusterHost.CoordinatorRole, TimedLine.Print);
            await using var host = await ClusterHost.StartAsync(options).ConfigureAwait(false);
            var address = host.Address;
            TimedLine.Print($"listens on {address}");
            await using var probes = await cluster.AnswerProbesAsync(parsed, () => WhyNotReady(host, jobs))
                .ConfigureAwait(false);
            _ = SayOfJoiningAsync(host, options, cancellation);
            var runner = new JobRunner(host, jobs, TimedLine.Print, TimeProvider.System);
            host.StartJobs(runner.Unfinished, runner.RunAsync);
            await Task.WhenAny(signals.Requested, host.System.WhenTerminated).ConfigureAwait(false);
            if (!signals.Requested.IsCompleted)
            {
                throw new RnnLmException(
                    ExitCode.Cluster,
                    $"coordinator {address} is out of its cluster: the others took it for dead, or it was " +
                    "on the smaller side of a split; start it again");
            }

            TimedLine.Print("leaves the cluster: jobs are saved and handed over …");
            await host.LeaveAsync().ConfigureAwait(false);
            return runner.Running is { Count: > 0 } unsaved
                ? throw RnnLmException.Storage(
                    $"not saved in time: {string.Join(", ", unsaved)}; it goes on from the checkpoint before; look " +
                    "after the storage")
                : 0;
        });
        return command;
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
        ClusterHost host, ClusterOptions options, CancellationToken cancellation)
    {
        while (!host.Joined.IsCompleted)
        {
            await Task.WhenAny(host.Joined, Task.Delay(s_joining, cancellation)).ConfigureAwait(false);
            if (!host.Joined.IsCompleted)
            {
                TimedLine.Print(
                    $"is in no cluster yet: none of {string.Join(", ", options.SeedNodes)} lets it in; the first of " +
                    "them begins one");
            }
        }

        TimedLine.Print("is in the cluster");
    }
}
