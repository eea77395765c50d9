using System.Buffers;
using System.IO.Hashing;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;

namespace RnnLm.Cluster;

/// <summary>Bulk bytes did not come, or are not what they should be.</summary>
internal sealed class BulkException(string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>Whether they are merely not offered any more.</summary>
    public bool IsWithdrawn { get; init; }
}

/// <summary>
/// Fetches bulk payloads that other processes offer, over HTTP. The length is checked before memory is taken, the hash
/// before anything is used; a fetch goes on where it broke off, and ends when nothing comes for a while.
/// </summary>
internal sealed class BulkClient : IDisposable
{
    /// <summary>How often a fetch is begun before it is given up.</summary>
    private const int MostAttempts = 4;

    private const int ChunkBytes = 1 << 18;

    /// <summary>Nothing has come for so long: it broke off.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);

    private readonly HttpClient _client;
    private readonly TimeProvider _time;
    private readonly string _scheme;

    /// <summary>A client.</summary>
    /// <param name="ssl">Its certificates; null only on loopback.</param>
    /// <param name="time">Measures silence; the system's time if not given.</param>
    public BulkClient(SslClientAuthenticationOptions? ssl, TimeProvider? time = null)
        : this(OverSockets(ssl), ssl is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps, time ?? TimeProvider.System)
    {
    }

    /// <summary>A client with a way of its own to the servers.</summary>
    /// <param name="handler">The way; owned.</param>
    /// <param name="scheme">Of addresses: http or https.</param>
    /// <param name="time">Measures silence.</param>
    public BulkClient(HttpMessageHandler handler, string scheme, TimeProvider time)
    {
        (_scheme, _time) = (scheme, time);
        _client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    private static SocketsHttpHandler OverSockets(SslClientAuthenticationOptions? ssl)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = Silence,
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
        };
        if (ssl is not null)
        {
            handler.SslOptions = ssl;
        }

        return handler;
    }

    /// <summary>Fetches bytes.</summary>
    /// <param name="address">Of the server that offers them: host:port.</param>
    /// <param name="reference">What is offered.</param>
    /// <param name="destination">Filled; as long as the reader expects them to be.</param>
    /// <param name="cancellation">Ends the fetch.</param>
    /// <exception cref="BulkException">They did not come whole, or are not the bytes that were offered.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task FetchAsync(
        string address, Wire.BulkReference reference, Payload destination, CancellationToken cancellation)
    {
        if (reference.Length != destination.Length)
        {
            throw new BulkException($"{reference.Length} bytes are offered, {destination.Length} expected");
        }

        if (!ClusterAddress.TryParse(address, out var server))
        {
            throw new BulkException($"'{RnnLmException.OneLine(address)}' is no host and port");
        }

        var hash = new XxHash128();
        await FetchAsync(server, reference, destination, hash, cancellation).ConfigureAwait(false);
        if (hash.GetCurrentHashAsUInt128() != HashOf(reference))
        {
            throw new BulkException("the bytes that came are not those that were offered");
        }
    }

    /// <summary>The number under which bytes are offered.</summary>
    public static UInt128 IdOf(Wire.BulkReference reference) => new(reference.IdHigh, reference.IdLow);

    /// <summary>The hash that the bytes must have.</summary>
    public static UInt128 HashOf(Wire.BulkReference reference) => new(reference.HashHigh, reference.HashLow);

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private async Task FetchAsync(
        ClusterAddress address,
        Wire.BulkReference reference,
        Payload destination,
        XxHash128 hash,
        CancellationToken cancellation)
    {
        byte[] chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            long offset = 0;
            for (int attempt = 1; offset < reference.Length; attempt++)
            {
                using var silence = new CancellationTokenSource(Silence, _time);
                using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation, silence.Token);
                try
                {
                    using var response = await BeginAsync(address, reference, offset, end.Token).ConfigureAwait(false);
                    await using var stream = await response.Content.ReadAsStreamAsync(end.Token).ConfigureAwait(false);
                    while (offset < reference.Length)
                    {
                        int count = await stream.ReadAsync(chunk, end.Token).ConfigureAwait(false);
                        if (count == 0)
                        {
                            throw new EndOfStreamException("it ended early");
                        }

                        silence.CancelAfter(Silence);
                        destination.Write(offset, chunk.AsSpan(0, count), hash);
                        offset += count;
                    }
                }
                catch (Exception failure) when (
                    failure is HttpRequestException or IOException or OperationCanceledException)
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (attempt == MostAttempts)
                    {
                        throw new BulkException($"{address} does not give its bytes: {failure.Message}", failure);
                    }
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    private async Task<HttpResponseMessage> BeginAsync(
        ClusterAddress address, Wire.BulkReference reference, long offset, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{_scheme}://{address}/{IdOf(reference):x32}");
        request.Headers.Range = new RangeHeaderValue(offset, null);
        var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation)
            .ConfigureAwait(false);
        var (status, length) = (response.StatusCode, response.Content.Headers.ContentLength);
        if (status != HttpStatusCode.PartialContent || length != reference.Length - offset)
        {
            response.Dispose();
            throw new BulkException($"{address} offers them no more (status {(int)status}, {length} bytes)")
            {
                IsWithdrawn = status == HttpStatusCode.NotFound,
            };
        }

        return response;
    }
}
