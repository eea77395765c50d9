using System.CommandLine;
using System.Globalization;
using RnnLm.Cluster;

namespace RnnLm.Cli;

/// <summary><c>rnnlm coordinator</c>.</summary>
internal static class CoordinatorCommand
{
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

        command.SetAction(async (parsed, _) =>
        {
            using var signals = new StopSignals();
            var jobs = new RunStorage(parsed.GetRequiredValue(storage));
            await using var host = await ClusterHost.StartAsync(cluster.Read(parsed, ClusterHost.CoordinatorRole))
                .ConfigureAwait(false);
            var address = host.Address;
            Log($"listens on {address}");
            var runner = new JobRunner(host, jobs, Log, TimeProvider.System);
            host.StartJobs(jobs.Unfinished, runner.RunAsync);
            await Task.WhenAny(signals.Requested, host.System.WhenTerminated).ConfigureAwait(false);
            if (!signals.Requested.IsCompleted)
            {
                throw new RnnLmException(
                    ExitCode.Cluster,
                    $"coordinator {address} is out of its cluster: the others took it for dead, or it was " +
                    "on the smaller side of a split; start it again");
            }

            Log("leaves the cluster: jobs are saved and handed over …");
            await host.LeaveAsync().ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static void Log(string text) => Console.Out.WriteLine(
        RnnLmException.OneLine(string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:u} {text}")));
}
