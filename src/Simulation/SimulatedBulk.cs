using System.Globalization;
using System.Net;
using RnnLm.Cluster;

namespace RnnLm.Simulation;

/// <summary>
/// The bulk plane of a simulated process: the product's own offers, and its own client over a network that takes time,
/// stalls, breaks off, and damages bytes.
/// </summary>
internal sealed class SimulatedBulk : HttpMessageHandler
{
    private readonly World _world;
    private readonly SimulatedProcess _process;

    public SimulatedBulk(World world, SimulatedProcess process)
    {
        (_world, _process) = (world, process);
        Address = $"{process.Name}:1";
        Offers = new BulkOffers(world.NextNumber);
        Client = new BulkClient(this, Uri.UriSchemeHttp, new SimulatedClock(process));
    }

    public string Address { get; }

    public BulkOffers Offers { get; }

    public BulkClient Client { get; }

    /// <summary>Fetches of others that are served.</summary>
    public int Readers { get; private set; }

    /// <summary>The bulk plane with the process's buffers.</summary>
    public BulkTransfers Transfers() =>
        new(Offers, Client, _process.Buffers, _process.Gradients, _world.Scenario.Job.Layout);

    /// <inheritdoc/>
    protected override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var uri = request.RequestUri!;
        var id = UInt128.Parse(
            uri.AbsolutePath.AsSpan(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        long offset = request.Headers.Range!.Ranges.Single().From!.Value;
        var server = _world.ProcessAt(uri.Authority);
        var answer = new Pending<HttpResponseMessage>(cancellationToken);
        _world.Network.Travel(
            _process,
            server,
            () =>
            {
                var response = server.Bulk.Serve(id, offset, _process);
                _world.Network.Travel(server, _process, () => answer.Give(response));
            },
            () => answer.Fail(new HttpRequestException("nobody listens there")));
        return answer.Task;
    }

    private HttpResponseMessage Serve(UInt128 id, long offset, SimulatedProcess client)
    {
        if (Offers.Open(id) is not { } offer)
        {
            return new HttpResponseMessage(HttpStatusCode.NotFound) { Content = new StreamContent(Stream.Null) };
        }

        Readers++;
        var stream = new SimulatedBulkStream(_world, _process, client, offer, offset, () =>
        {
            Readers--;
            Offers.Close(offer);
        });
        var response = new HttpResponseMessage(HttpStatusCode.PartialContent) { Content = new StreamContent(stream) };
        response.Content.Headers.ContentLength = offer.Payload.Length - offset;
        return response;
    }
}

/// <summary>Something that comes over the network, unless nobody waits for it any more.</summary>
/// <typeparam name="T">What.</typeparam>
internal sealed class Pending<T>
{
    private readonly TaskCompletionSource<T> _source = new();

    public Pending(CancellationToken cancellation) =>
        cancellation.Register(() => _source.TrySetCanceled(cancellation));

    public Task<T> Task => _source.Task;

    public void Give(T result) => _source.TrySetResult(result);

    public void Fail(Exception failure) => _source.TrySetException(failure);
}
