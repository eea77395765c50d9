using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace RnnLm.Hosting;

/// <summary>Makes a program a process of a cluster.</summary>
public static class HostApplicationBuilderExtensions
{
    /// <summary>
    /// Runs the jobs of a run storage with the workers of a cluster, as <c>rnnlm coordinator</c> does. When the host
    /// stops, jobs are saved and handed over: it may take five minutes, which the host's shutdown timeout allows for.
    /// </summary>
    /// <param name="builder">Its section <c>RnnLm</c> has the options of <c>rnnlm coordinator</c>, by their names
    /// without dashes before and with _ for -: <c>storage</c>, <c>seed_node</c>, … Variables <c>RNNLM_*</c> of the
    /// environment have precedence; what neither says is that of the file that <c>RNNLM_CONFIG</c> names.</param>
    /// <remarks>A failure is logged in one line, ends the host, and sets <see cref="Environment.ExitCode"/> to that of
    /// <c>rnnlm</c>.</remarks>
    public static IHostApplicationBuilder AddRnnLmCoordinator(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.PostConfigure<HostOptions>(host =>
        {
            if (host.ShutdownTimeout < CoordinatorService.LongestFarewell)
            {
                host.ShutdownTimeout = CoordinatorService.LongestFarewell;
            }
        });
        builder.Services.AddHostedService<HostedClusterService<CoordinatorService>>();
        return builder;
    }

    /// <summary>Computes for the runs of a cluster, as <c>rnnlm worker</c> does. When the host stops, what is in hand
    /// is computed by others.</summary>
    /// <param name="builder">Its section <c>RnnLm</c> has the options of <c>rnnlm worker</c>, as for
    /// <see cref="AddRnnLmCoordinator"/>.</param>
    /// <inheritdoc cref="AddRnnLmCoordinator" path="/remarks"/>
    public static IHostApplicationBuilder AddRnnLmWorker(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddHostedService<HostedClusterService<WorkerService>>();
        return builder;
    }
}

/// <summary>A process of a cluster as a service of a host.</summary>
/// <param name="configuration">Of the host.</param>
/// <param name="logger">Takes what happens.</param>
/// <param name="lifetime">Of the host, which ends with the service.</param>
internal sealed class HostedClusterService<T>(
    IConfiguration configuration, ILogger<T> logger, IHostApplicationLifetime lifetime) : BackgroundService
    where T : ClusterService, new()
{
    private const string Section = "RnnLm";

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = stoppingToken.Register(stop.SetResult);
        try
        {
            var service = new T();
            await service.RunAsync(
                Configuration.Parse(service.Command, configuration.GetSection(Section)),
                line => logger.LogInformation("{Line}", RnnLmException.OneLine(line)),
                stop.Task).ConfigureAwait(false);

            // A worker that has had no work for too long ends by itself.
            lifetime.StopApplication();
        }
#pragma warning disable CA1031 // Nothing but a line and an exit code leaves the service.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            var known = AnyFailure.Of(failure, string.Empty, []);
            logger.LogError("{Failure}", known.Message);
            Environment.ExitCode = (int)known.ExitCode;

            // A host that is told to stop while it starts throws.
            lifetime.ApplicationStarted.Register(lifetime.StopApplication);
        }
    }
}
