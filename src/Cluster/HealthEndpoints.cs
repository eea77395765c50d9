using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace RnnLm.Cluster;

/// <summary>
/// What asks whether a process is well, like a kubelet: <c>/healthz/live</c> is answered with 200 by whoever lives,
/// <c>/healthz/ready</c> with 200 or with 503 and the reason. It is HTTP without certificates, for those who ask have
/// none; it tells nothing else and takes nothing.
/// </summary>
public sealed class HealthEndpoints : IAsyncDisposable
{
    /// <summary>Answered by whoever lives.</summary>
    public const string LivePath = "/healthz/live";

    /// <summary>Answered as the process can do its part now or not.</summary>
    public const string ReadyPath = "/healthz/ready";

    /// <summary>Who asks may be silent for so long, and the check too.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    private readonly WebApplication _server;
    private readonly Func<string?> _whyNotReady;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private Task<string?> _check = Task.FromResult<string?>(null);

    private HealthEndpoints(ClusterAddress address, Func<string?> whyNotReady, TimeProvider time)
    {
        (_whyNotReady, _time) = (whyNotReady, time);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxConcurrentConnections = 64;
            options.Limits.MaxRequestBodySize = 0;
            options.Limits.MaxRequestLineSize = 256;
            options.Limits.MaxRequestHeadersTotalSize = 4096;
            options.Limits.RequestHeadersTimeout = Deadline;
            options.Limits.KeepAliveTimeout = Deadline;
            options.Listen(address.Resolve("--health"), address.Port, listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Services.AddHealthChecks().AddAsyncCheck("ready", async () =>
            await WhyNotReadyAsync().ConfigureAwait(false) is { } reason
                ? HealthCheckResult.Unhealthy(reason)
                : HealthCheckResult.Healthy("ready"));
        _server = builder.Build();
        _server.UseHealthChecks(LivePath, new HealthCheckOptions { Predicate = _ => false });
        _server.UseHealthChecks(ReadyPath, new HealthCheckOptions
        {
            ResponseWriter = (context, report) =>
                context.Response.WriteAsync($"{report.Entries.Values.Single().Description}\n"),
        });
    }

    /// <summary>Where they are.</summary>
    public string Address => _server.Urls.Single();

    /// <summary>Begins to answer.</summary>
    /// <param name="address">Where.</param>
    /// <param name="whyNotReady">Why the process cannot do its part now; null when it can. It may block.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="RnnLmException">Nobody can listen there (exit code 3).</exception>
    public static async Task<HealthEndpoints> StartAsync(
        ClusterAddress address, Func<string?> whyNotReady, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(whyNotReady);
        var endpoints = new HealthEndpoints(address, whyNotReady, time);
        try
        {
            await endpoints._server.StartAsync().ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or System.Net.Sockets.SocketException)
        {
            await endpoints.DisposeAsync().ConfigureAwait(false);
            throw RnnLmException.BadInput(
                $"--health {address}: cannot listen there ({failure.Message.TrimEnd('.')}); choose another address",
                failure);
        }

        return endpoints;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _server.DisposeAsync();

    /// <summary>One check at a time: what hangs, as storage may, keeps one thread and not all.</summary>
    private async Task<string?> WhyNotReadyAsync()
    {
        Task<string?> check;
        lock (_gate)
        {
            check = _check = _check.IsCompleted ? Task.Run(_whyNotReady) : _check;
        }

        try
        {
            return await check.WaitAsync(Deadline, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return $"whether it is ready is not known after {Deadline.TotalSeconds} s";
        }
    }
}
