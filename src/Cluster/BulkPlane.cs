using System.Net;
using Microsoft.AspNetCore.Hosting;

namespace RnnLm.Cluster;

/// <summary>The bulk plane of one process: its server, its client, and the threads that hash and copy.</summary>
internal sealed class BulkPlane : IAsyncDisposable
{
    private const int Threads = 2;
    private const int Capacity = 16_384;
    private readonly WorkThreads _work = new("bulk", Threads, Capacity);

    private BulkPlane(BulkServer server, BulkClient client) => (Server, Client) = (server, client);

    /// <summary>Offers.</summary>
    public BulkServer Server { get; }

    /// <summary>Fetches.</summary>
    public BulkClient Client { get; }

    /// <summary>Hashes and copies.</summary>
    public IWorkQueue Work => _work;

    /// <summary>Starts to serve.</summary>
    /// <param name="listen">Where it listens.</param>
    /// <param name="options">Where others reach the process, and its certificates.</param>
    public static async Task<BulkPlane> StartAsync(IPAddress listen, ClusterOptions options) => new(
        await BulkServer.StartAsync(
            listen,
            options.Listen.Host,
            options.Tls is { } tls ? on => on.UseHttps(tls.ForKestrel()) : null).ConfigureAwait(false),
        new BulkClient(options.Tls?.ForClient()));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync().ConfigureAwait(false);
        Client.Dispose();
        _work.Dispose();
    }
}
