using System.IO.Hashing;
using System.Runtime.CompilerServices;
using Google.Protobuf;

namespace RnnLm.Cluster;

/// <summary>
/// Turns messages with bulk payloads into what travels of them, and back: the sender's buffers are offered until the
/// receiver has fetched them into its own.
/// </summary>
/// <param name="offers">What this process offers.</param>
/// <param name="client">Fetches.</param>
/// <param name="parameters">Buffers for parameters that are fetched.</param>
/// <param name="gradients">Buffers for gradients that are fetched.</param>
/// <param name="layout">Of the model.</param>
internal sealed class BulkTransfers(
    BulkOffers offers, BulkClient client, FloatBufferPool parameters, GradientPool gradients, ParameterLayout layout)
    : IAsyncDisposable
{
    private const int ChunkBytes = 1 << 18;

    /// <summary>How long the end waits for fetches that are under way; they have been cancelled.</summary>
    private static readonly TimeSpan s_endDeadline = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Fetches that are under way, and one until the end.</summary>
    private int _active = 1;

    private readonly ConditionalWeakTable<ParameterVersion, Lazy<UInt128>> _hashes = [];
    private readonly SharedMemoryPool _staging = new();
    private readonly SharedMemoryMappings _mappings = new();

    /// <summary>Offers the bulk of a message; owns it from here on.</summary>
    /// <param name="message">A <see cref="Publish"/> or a <see cref="RangeResult"/>.</param>
    /// <param name="isSameHost">Whether the receiver shares this host's memory.</param>
    public IMessage Offer(Message message, bool isSameHost)
    {
        switch (message)
        {
            case Publish { Version: var version } publish:
                var values = version.Values;
                var hash = _hashes.GetValue(version, static it => new(() => Payload.Of(it.Values).Hash())).Value;
                return Translation.ToWire(
                    publish,
                    offers.Add(Payload.Of(values), hash, values.Memory as SharedMemory, version.Release));
            case RangeResult { Gradient: var gradient } result:
                // Written down before the gradient is given back, when another thread takes it.
                var wire = Translation.ToWire(result, null);
                if (gradient.IsIdentity)
                {
                    gradient.Release();
                }
                else
                {
                    wire.Gradient = OfferGradient(gradient, isSameHost);
                }

                return wire;
            default:
                throw new InvalidOperationException($"{message.GetType().Name} has no bulk");
        }
    }

    /// <summary>What a reference of a message offers; null when it has none.</summary>
    public static Wire.BulkReference? ReferenceOf(IMessage wire) => wire switch
    {
        Wire.Publish publish => publish.Parameters,
        Wire.RangeResult result => result.Gradient,
        Wire.Large large => large.Content,
        _ => null,
    };

    /// <summary>Takes an offer back.</summary>
    public void Withdraw(UInt128 id) => offers.Withdraw(id);

    /// <summary>Offers a message that is too large to travel by itself.</summary>
    public Wire.Large OfferLarge(IMessage message)
    {
        byte[] bytes = message.ToByteArray();
        var payload = new Payload(() => bytes);
        return new Wire.Large
        {
            Manifest = WireSerializer.ManifestOf(message),
            Content = offers.Add(payload, payload.Hash(), null, () => { }),
        };
    }

    /// <summary>Fetches the bulk of a message.</summary>
    /// <param name="body">What has travelled of it.</param>
    /// <param name="worker">Whose it is if it is a result.</param>
    /// <param name="extent">Of the run.</param>
    /// <param name="address">Where it is offered: host:port.</param>
    /// <param name="cancellation">Ends the fetch.</param>
    /// <exception cref="MalformedMessageException">It cannot be.</exception>
    public async Task<BulkFetched> FetchAsync(
        IMessage body, ActorId worker, RunExtent extent, string address, CancellationToken cancellation)
    {
        try
        {
            Message message = body switch
            {
                Wire.Publish publish => await FetchAsync(publish, address, cancellation).ConfigureAwait(false),
                Wire.RangeResult result => await FetchAsync(result, worker, extent, address, cancellation)
                    .ConfigureAwait(false),
                Wire.Large large => new FromPeer(
                    await FetchLargeAsync(large, address, cancellation).ConfigureAwait(false)),
                _ => throw new InvalidOperationException($"{body.Descriptor.Name} has no bulk"),
            };
            return new BulkFetched(body, message, null);
        }
        catch (BulkException failure)
        {
            return new BulkFetched(body, null, failure.IsWithdrawn ? null : failure.Message);
        }
        catch (OperationCanceledException)
        {
            return new BulkFetched(body, null, null);
        }
    }

    /// <summary>Fetches a message that was too large to travel by itself.</summary>
    /// <exception cref="BulkException">It did not come.</exception>
    public async Task<IMessage> FetchLargeAsync(Wire.Large large, string address, CancellationToken cancellation)
    {
        const long MostBytes = 1 << 28;
        if (large.Content is not { Length: > 0 and <= MostBytes } reference)
        {
            throw new BulkException($"a message of {large.Content?.Length} bytes");
        }

        // Taken with the first of them that comes: until then the length is a word.
        byte[]? bytes = null;
        var content = new Payload(reference.Length, [() => bytes ??= new byte[reference.Length]]);
        await FetchAsync(address, reference, content, cancellation).ConfigureAwait(false);
        return WireSerializer.Read(large.Manifest, bytes) is var message and not Wire.Large
            ? message
            : throw new BulkException("a large message within another");
    }

    /// <summary>Fetches the parameters of a version.</summary>
    /// <exception cref="BulkException">They did not come.</exception>
    public async Task<Publish> FetchAsync(Wire.Publish publish, string address, CancellationToken cancellation)
    {
        var reference = publish.Parameters;
        long expected = sizeof(float) * (long)layout.BufferLength;
        if (reference?.Length != expected || publish.Version < 0)
        {
            throw new BulkException($"{reference?.Length} bytes of parameters are offered, {expected} expected");
        }

        if (reference.Shared is { } shared && _mappings.TryOpen(shared, expected) is { } mapped)
        {
            var values = mapped.Floats(layout.BufferLength);
            var inPlace = new CountedBuffer(values, mapped);
            if (Payload.Of(values).Hash() == BulkClient.HashOf(reference))
            {
                return new Publish(publish.Incarnation, new ParameterVersion(publish.Version, inPlace));
            }

            inPlace.Release();
        }

        var buffer = parameters.Rent();
        try
        {
            await FetchAsync(address, reference, Payload.Of(buffer), cancellation).ConfigureAwait(false);
        }
        catch
        {
            parameters.Return(buffer);
            throw;
        }

        return new Publish(
            publish.Incarnation, new ParameterVersion(publish.Version, new CountedBuffer(buffer, parameters)));
    }

    /// <summary>Fetches the gradient of a result.</summary>
    /// <exception cref="BulkException">It did not come.</exception>
    /// <exception cref="MalformedMessageException">It cannot be.</exception>
    public async Task<RangeResult> FetchAsync(
        Wire.RangeResult result, ActorId worker, RunExtent extent, string address, CancellationToken cancellation)
    {
        var range = Translation.Check(result, extent);
        if (result.Gradient is { } offered && offered.Length != Payload.LengthOf(layout, result.RowCount))
        {
            throw new BulkException($"{offered.Length} bytes of a gradient with {result.RowCount} rows");
        }

        var gradient = gradients.Rent();
        try
        {
            (gradient.LossSum, gradient.TokenCount) = (result.LossSum, result.TokenCount);
            (gradient.RowCount, gradient.ComputeSeconds) = (result.RowCount, result.ComputeSeconds);
            if (result.Gradient is { } reference)
            {
                await FetchAsync(address, reference, Payload.Of(gradient), cancellation).ConfigureAwait(false);
                Translation.CheckRows(gradient);
            }
        }
        catch
        {
            gradient.Release();
            throw;
        }

        return new RangeResult(result.Incarnation, worker, result.Step, range, result.TokenHash, gradient);
    }

    /// <summary>Waits until nobody writes the buffers any more.</summary>
    public async ValueTask DisposeAsync()
    {
        Leave();
        await Task.WhenAny(_idle.Task, Task.Delay(s_endDeadline)).ConfigureAwait(false);
        _staging.Dispose();
        _mappings.Dispose();
    }

    private async Task FetchAsync(
        string address, Wire.BulkReference reference, Payload destination, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _active);
        try
        {
            if (!TryCopyShared(reference, destination))
            {
                await client.FetchAsync(address, reference, destination, cancellation).ConfigureAwait(false);
            }
        }
        finally
        {
            Leave();
        }
    }

    /// <exception cref="BulkException">They are not the bytes that were offered.</exception>
    private bool TryCopyShared(Wire.BulkReference reference, Payload destination)
    {
        if (reference.Shared is not { } shared || reference.Length != destination.Length)
        {
            return false;
        }

        using var mapping = _mappings.TryOpen(shared, reference.Length);
        if (mapping is null)
        {
            return false;
        }

        // What is hashed is what was copied: the sender may write the memory anew.
        var hash = new XxHash128();
        for (long offset = 0; offset < reference.Length; offset += ChunkBytes)
        {
            int count = (int)Math.Min(ChunkBytes, reference.Length - offset);
            destination.Write(offset, mapping.Memory.Bytes(offset, count), hash);
        }

        return hash.GetCurrentHashAsUInt128() == BulkClient.HashOf(reference)
            ? true
            : throw new BulkException("the bytes that were offered are not there any more");
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _active) == 0)
        {
            _idle.TrySetResult();
        }
    }

    private Wire.BulkReference OfferGradient(Gradient gradient, bool isSameHost)
    {
        var payload = Payload.Of(gradient);
        if (!isSameHost || _staging.TryRent(payload.Length) is not { } memory)
        {
            return offers.Add(payload, payload.Hash(), null, gradient.Release);
        }

        // Hashed while it is in the cache.
        var hash = new XxHash128();
        for (long offset = 0; offset < payload.Length; offset += ChunkBytes)
        {
            var chunk = memory.Bytes(offset, (int)Math.Min(ChunkBytes, payload.Length - offset));
            payload.Read(offset, chunk);
            hash.Append(chunk);
        }

        gradient.Release();
        var staged = new Payload(() => memory.Bytes(0, (int)payload.Length));
        return offers.Add(staged, hash.GetCurrentHashAsUInt128(), memory, () => _staging.Return(memory));
    }
}
