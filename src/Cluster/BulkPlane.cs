using System.Net;

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
    /// <param name="host">Where it listens.</param>
    public static async Task<BulkPlane> StartAsync(IPAddress host) =>
        new(await BulkServer.StartAsync(host, null).ConfigureAwait(false), new BulkClient(null));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync().ConfigureAwait(false);
        Client.Dispose();
        _work.Dispose();
    }
}
