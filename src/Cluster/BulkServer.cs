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

    private const int ChunkBytes = 1 << 18;

    /// <summary>Hexadecimal digits of a payload's number.</summary>
    private const int IdDigits = 32;

    /// <summary>A client may be silent for so long while it sends its request.</summary>
    private static readonly TimeSpan s_requestDeadline = TimeSpan.FromSeconds(10);

    /// <summary>A receiver slower than this is cut off.</summary>
    private static readonly MinDataRate s_slowest = new(bytesPerSecond: 64 << 10, gracePeriod: s_requestDeadline);

    private static readonly TimeSpan s_endDeadline = TimeSpan.FromSeconds(1);

    private readonly WebApplication _server;

    private BulkServer(IPAddress host, Action<ListenOptions>? secure)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxConcurrentConnections = MostConnections;
            options.Limits.MaxRequestBodySize = 0;
            options.Limits.MaxResponseBufferSize = 4 * ChunkBytes;
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

    /// <summary>What it serves.</summary>
    public BulkOffers Offers { get; } = new(RandomNumber);

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

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var deadline = new CancellationTokenSource(s_endDeadline);
        await _server.StopAsync(deadline.Token).ConfigureAwait(false);
        await _server.DisposeAsync().ConfigureAwait(false);
        Offers.Clear();
    }

    private static UInt128 RandomNumber()
    {
        Span<byte> random = stackalloc byte[16];
        RandomNumberGenerator.Fill(random);
        return new UInt128(BitConverter.ToUInt64(random[8..]), BitConverter.ToUInt64(random));
    }

    /// <summary>GET /NUMBER, with an optional first byte: the bytes from there on.</summary>
    private async Task ServeAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        bool isNumber = TryParse(request.Path.Value, out var id);
        if (!HttpMethods.IsGet(request.Method) || !isNumber || Offers.Open(id) is not { } offer)
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
            Offers.Close(offer);
        }
    }

    /// <summary>Reads the number in the one form of a path that is served.</summary>
    private static bool TryParse(string? path, out UInt128 id)
    {
        id = default;
        return path is ['/', .. { Length: IdDigits } number] &&
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
}
