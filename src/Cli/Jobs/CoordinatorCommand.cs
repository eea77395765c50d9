using System.CommandLine;
using System.Globalization;
using System.Net;
using RnnLm.Cluster;

namespace RnnLm.Cli;

/// <summary><c>rnnlm coordinator</c>.</summary>
internal static class CoordinatorCommand
{
    public static Command Create()
    {
        var listen = new Setting<IPEndPoint>(
            "--listen", "HOST:PORT", "Where other processes reach this one", Values.Endpoint, "127.0.0.1:4053");
        var seedNodes = new Setting<string[]>(
            "--seed-node", "HOST:PORT…", "Coordinators of the cluster to join; none to begin one",
            Values.Nodes)
        {
            AllowMultipleArgumentsPerToken = true,
        };
        var storage = RunStorage.Option();
        var command = new Command("coordinator", "Run the jobs of a run storage with the workers of a cluster")
        {
            listen, seedNodes, storage,
        };
        command.SetAction(async (parsed, _) =>
        {
            using var signals = new StopSignals();
            var jobs = new RunStorage(parsed.GetRequiredValue(storage));
            string[] seeds = [.. (parsed.GetValue(seedNodes) ?? [])];
            var own = parsed.GetRequiredValue(listen);
            await using var host = await ClusterHost.StartAsync(
                ClusterHost.CoordinatorRole, own, [.. seeds.Where(seed => seed != own.ToString())])
                .ConfigureAwait(false);
            Log($"listens on {host.Address}");
            var runner = new JobRunner(host, jobs, Log, TimeProvider.System);
            host.StartJobs(jobs.Unfinished, runner.RunAsync);
            await signals.Requested.ConfigureAwait(false);
            Log("leaves the cluster: jobs are saved and handed over …");
            await host.LeaveAsync().ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static void Log(string text) => Console.Out.WriteLine(
        RnnLmException.OneLine(string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:u} {text}")));
}
