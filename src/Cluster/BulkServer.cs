using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace RnnLm.Cluster;

/// <summary>
/// Serves the bulk payloads of one process: whoever has bytes offers them under a random number and sends that; the
/// receiver fetches them (<see cref="BulkClient"/>) and says so.
/// </summary>
internal sealed class BulkServer : IAsyncDisposable
{
    /// <summary>Connections that are served at once.</summary>
    private const int MostConnections = 1024;

    private const int ChunkBytes = 1 << 16;

    /// <summary>A client may be silent for so long while it sends its request.</summary>
    private static readonly TimeSpan s_requestDeadline = TimeSpan.FromSeconds(10);

    /// <summary>A receiver slower than this is cut off.</summary>
    private static readonly MinDataRate s_slowest = new(bytesPerSecond: 64 << 10, gracePeriod: s_requestDeadline);

    private static readonly TimeSpan s_endDeadline = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<UInt128, Offer> _offers = [];
    private readonly WebApplication _server;

    private BulkServer(IPAddress host, Action<ListenOptions>? secure)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxConcurrentConnections = MostConnections;
            options.Limits.MaxRequestBodySize = 0;
            options.Limits.MaxRequestLineSize = 256;
            options.Limits.MaxRequestHeadersTotalSize = 4096;
            options.Limits.MaxRequestHeaderCount = 32;
            options.Limits.RequestHeadersTimeout = s_requestDeadline;
            options.Limits.MinResponseDataRate = s_slowest;
            options.Listen(host, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                secure?.Invoke(listen);
            });
        });
        if (secure is not null)
        {
            builder.WebHost.UseKestrelHttpsConfiguration();
        }

        _server = builder.Build();
        _server.Run(ServeAsync);
    }

    /// <summary>Where other processes fetch: host:port.</summary>
    public string Address { get; private set; } = string.Empty;

    /// <summary>Payloads that are offered.</summary>
    public int Outstanding
    {
        get
        {
            lock (_gate)
            {
                return _offers.Count;
            }
        }
    }

    /// <summary>Starts to serve.</summary>
    /// <param name="host">Where it listens.</param>
    /// <param name="name">By which others reach it.</param>
    /// <param name="secure">Demands certificates; null only on loopback.</param>
    public static async Task<BulkServer> StartAsync(IPAddress host, string name, Action<ListenOptions>? secure)
    {
        ArgumentNullException.ThrowIfNull(host);
        Invariant.Require(
            secure is not null || IPAddress.IsLoopback(host), "off loopback nothing listens without certificates");
        var server = new BulkServer(host, secure);
        await server._server.StartAsync().ConfigureAwait(false);
        server.Address = new ClusterAddress(name, new Uri(server._server.Urls.Single()).Port).ToString();
        return server;
    }

    /// <summary>Offers bytes until they are withdrawn.</summary>
    /// <param name="payload">The bytes; nobody writes them.</param>
    /// <param name="hash">Of the bytes.</param>
    /// <param name="shared">Where they lie, if that is shared memory.</param>
    /// <param name="release">Called once, when they are withdrawn and nobody reads them any more.</param>
    public Wire.BulkReference Add(Payload payload, UInt128 hash, SharedMemory? shared, Action release)
    {
        Span<byte> random = stackalloc byte[16];
        RandomNumberGenerator.Fill(random);
        var id = new UInt128(BitConverter.ToUInt64(random[8..]), BitConverter.ToUInt64(random));
        lock (_gate)
        {
            _offers[id] = new Offer(payload, release);
        }

        return new Wire.BulkReference
        {
            IdHigh = (ulong)(id >> 64),
            IdLow = (ulong)id,
            Length = payload.Length,
            HashHigh = (ulong)(hash >> 64),
            HashLow = (ulong)hash,
            Shared = shared?.Reference,
        };
    }

    /// <summary>Takes an offer back; a number that is unknown changes nothing.</summary>
    public void Withdraw(UInt128 id)
    {
        Offer? offer;
        lock (_gate)
        {
            if (!_offers.Remove(id, out offer))
            {
                return;
            }

            offer.IsWithdrawn = true;
            if (offer.Readers > 0)
            {
                return;
            }
        }

        offer.Release();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var deadline = new CancellationTokenSource(s_endDeadline);
        await _server.StopAsync(deadline.Token).ConfigureAwait(false);
        await _server.DisposeAsync().ConfigureAwait(false);
        UInt128[] left;
        lock (_gate)
        {
            left = [.. _offers.Keys];
        }

        Array.ForEach(left, Withdraw);
    }

    /// <summary>GET /NUMBER, with an optional first byte: the bytes from there on.</summary>
    private async Task ServeAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        bool isNumber = TryParse(request.Path.Value, out var id);
        if (!HttpMethods.IsGet(request.Method) || !isNumber || Open(id) is not { } offer)
        {
            response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        try
        {
            long offset = FirstByte(request);
            if (offset < 0 || offset >= offer.Payload.Length)
            {
                response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
                return;
            }

            long length = offer.Payload.Length;
            response.StatusCode = StatusCodes.Status206PartialContent;
            response.Headers.ContentRange = new ContentRangeHeaderValue(offset, length - 1, length).ToString();
            response.ContentLength = length - offset;
            for (; offset < length && !offer.IsWithdrawn; offset += ChunkBytes)
            {
                int count = (int)Math.Min(ChunkBytes, length - offset);
                offer.Payload.Read(offset, response.BodyWriter.GetSpan(count)[..count]);
                response.BodyWriter.Advance(count);
                await response.BodyWriter.FlushAsync(context.RequestAborted).ConfigureAwait(false);
            }

            if (offset < length)
            {
                context.Abort();
            }
        }
        catch (OperationCanceledException)
        {
            // The receiver has gone; it comes again if it still wants them.
        }
        finally
        {
            Close(offer);
        }
    }

    /// <summary>Reads the number in a path; some requests, OPTIONS * for one, have an empty path.</summary>
    private static bool TryParse(string? path, out UInt128 id)
    {
        id = default;
        return path is ['/', .. var number] &&
            UInt128.TryParse(number, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out id);
    }

    /// <summary>What the one form of a range that is served begins with; negative for any other form.</summary>
    private static long FirstByte(HttpRequest request)
    {
        string asked = request.Headers.Range.ToString();
        return asked.Length == 0 ? 0
            : RangeHeaderValue.TryParse(asked, out var range) && range is { Unit: "bytes", Ranges.Count: 1 } &&
                range.Ranges.First() is { From: { } from, To: null } ? from
            : -1;
    }

    private Offer? Open(UInt128 id)
    {
        lock (_gate)
        {
            if (_offers.TryGetValue(id, out var offer))
            {
                offer.Readers++;
            }

            return offer;
        }
    }

    private void Close(Offer offer)
    {
        lock (_gate)
        {
            offer.Readers--;
            if (!offer.IsWithdrawn || offer.Readers > 0)
            {
                return;
            }
        }

        offer.Release();
    }

    private sealed class Offer(Payload payload, Action release)
    {
        public Payload Payload { get; } = payload;

        public Action Release { get; } = release;

        public int Readers { get; set; }

        public bool IsWithdrawn { get; set; }
    }
}
