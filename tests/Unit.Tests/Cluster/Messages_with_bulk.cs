using System.Net;
using System.Runtime.InteropServices;
using System.Runtime.Serialization;
using Google.Protobuf;

namespace RnnLm.Tests;

/// <summary>Parameters, gradients and large messages on their way between two processes; both are this one.</summary>
public sealed class Messages_with_bulk : IAsyncLifetime
{
    private static readonly ActorId s_worker = ActorId.Worker(3);
    private static readonly ModelSettings s_model = new(VocabularySize: 50, Dimension: 8, Layers: 2, PaddingId: -1);
    private static readonly ParameterLayout s_layout = ParameterLayout.For(s_model);
    private static readonly RunExtent s_extent = new(s_model, Shards: 8);
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromSeconds(60));
    private readonly BulkClient _client = new(null);
    private BulkServer _server = null!;
    private Process _sender = null!;
    private Process _receiver = null!;

    private CancellationToken Deadline => _deadline.Token;

    public async Task InitializeAsync()
    {
        _server = await BulkServer.StartAsync(IPAddress.Loopback, "127.0.0.1", null);
        _sender = new Process(_server, _client);
        _receiver = new Process(_server, _client);
    }

    public async Task DisposeAsync()
    {
        Assert.Equal(0, _server.Offers.Count);
        _sender.RequireNothingOutstanding();
        _receiver.RequireNothingOutstanding();
        await _sender.Transfers.DisposeAsync();
        await _receiver.Transfers.DisposeAsync();
        await _server.DisposeAsync();
        _client.Dispose();
        _deadline.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Parameters_come_with_all_their_bits(bool isShared)
    {
        var sent = Parameters(isShared);
        float[] values = sent.Values.Span.ToArray();
        var wire = Offer<Wire.Publish>(new Publish(5, sent));
        var came = await _receiver.Transfers.FetchAsync(wire, _server.Address, Deadline);
        Assert.Equal((5L, 17L), (came.Incarnation, came.Version.Version));
        Assert.Equal(values, came.Version.Values.Span.ToArray());

        // On one host they are used where they lie.
        bool isInPlace = isShared && SharedMemory.Host.Length > 0;
        Assert.Equal(isInPlace ? 0 : 1, _receiver.Parameters.Outstanding);
        Assert.Equal(isInPlace, came.Version.Values.Memory is SharedMemoryMappings.Mapping);
        came.Release();
        Withdraw(wire.Parameters);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_result_comes_with_all_its_bits(bool isSameHost)
    {
        for (int time = 0; time < 3; time++)
        {
            var result = Result(rows: 7 + time);
            string digest = result.Gradient.Digest();
            var wire = Offer<Wire.RangeResult>(result, isSameHost);

            // Laid out in memory that the other reads, it is given back at once.
            bool isStaged = isSameHost && SharedMemory.Host.Length > 0;
            Assert.Equal(isStaged ? 0 : 1, _sender.Gradients.Outstanding);
            Assert.Equal(isStaged, wire.Gradient.Shared is not null);
            var came = await FetchAsync(wire);
            Assert.Equal(digest, came.Gradient.Digest());
            Assert.Equal(
                (result.Incarnation, s_worker, result.Step, result.Range, result.TokenHash),
                (came.Incarnation, came.Worker, came.Step, came.Range, came.TokenHash));
            came.Release();
            Withdraw(wire.Gradient);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_numbers_of_a_result_are_those_it_had_before_its_buffer_was_given_back(bool isSameHost)
    {
        var wire = Offer<Wire.RangeResult>(Result(rows: 7), isSameHost);
        Assert.Equal((7, 7.1, 100L), (wire.RowCount, wire.LossSum, wire.TokenCount));
        Withdraw(wire.Gradient);
    }

    [Fact]
    public async Task A_result_of_no_tokens_is_the_sum_over_nothing()
    {
        var gradient = _sender.Gradients.Rent();
        var wire = Offer<Wire.RangeResult>(
            new RangeResult(5, new ActorId("x"), 17, new ShardRange(2, 2), 9, gradient));
        Assert.Equal((0, 0), (_server.Offers.Count, _sender.Gradients.Outstanding));
        var came = await FetchAsync(wire);
        Assert.True(came.Gradient.IsIdentity);
        Assert.Equal(0, came.Gradient.RowCount);
        came.Release();
    }

    [Fact]
    public async Task A_large_message_comes_whole()
    {
        var message = Assignment(1_000);
        var wire = _sender.Transfers.OfferLarge(message);
        var travelled = (Wire.Large)WireSerializer.Read("Large", wire.ToByteArray());
        Assert.Equal(message, await _receiver.Transfers.FetchLargeAsync(travelled, _server.Address, Deadline));
        Withdraw(wire.Content);
    }

    [Fact]
    public async Task Memory_that_is_not_there_any_more_is_fetched_over_a_socket()
    {
        var version = Offer<Wire.Publish>(new Publish(5, Parameters(isShared: true)));
        var result = Result(rows: 7);
        string digest = result.Gradient.Digest();
        var gradient = Offer<Wire.RangeResult>(result, isSameHost: true);
        foreach (var reference in new[] { version.Parameters, gradient.Gradient })
        {
            reference.Shared = new Wire.SharedMemory
            {
                Host = SharedMemory.Host,
                Process = Environment.ProcessId,
                File = 1 << 20,
                Name = $"rnnlm-{Guid.NewGuid():N}",
            };
        }

        var parameters = await _receiver.Transfers.FetchAsync(version, _server.Address, Deadline);
        Assert.Equal(1, _receiver.Parameters.Outstanding);
        parameters.Release();
        var came = await FetchAsync(gradient);
        Assert.Equal(digest, came.Gradient.Digest());
        came.Release();
        Withdraw(version.Parameters);
        Withdraw(gradient.Gradient);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bits_that_are_not_those_that_were_offered_are_not_used(bool isShared)
    {
        var version = Parameters(isShared);
        var wire = Offer<Wire.Publish>(new Publish(5, version));
        version.Values.Span[3] += 1;
        await Assert.ThrowsAsync<BulkException>(
            () => _receiver.Transfers.FetchAsync(wire, _server.Address, Deadline));
        Withdraw(wire.Parameters);

        var result = Offer<Wire.RangeResult>(Result(rows: 7), isShared);
        result.Gradient.HashLow ^= 1;
        await Assert.ThrowsAsync<BulkException>(() => FetchAsync(result));
        Withdraw(result.Gradient);
    }

    [Fact]
    public async Task Rows_at_which_nothing_may_be_written_are_refused()
    {
        foreach (int id in new[] { -1, 50, 1 << 20, 3 })
        {
            var result = Result(rows: 5);
            result.Gradient.RowIds[4] = id;
            var wire = Offer<Wire.RangeResult>(result);
            await Assert.ThrowsAsync<MalformedMessageException>(() => FetchAsync(wire));
            Withdraw(wire.Gradient);
        }
    }

    [Fact]
    public async Task Numbers_that_cannot_be_are_refused_before_anything_is_fetched()
    {
        var wire = Offer<Wire.RangeResult>(Result(rows: 5));
        foreach (var bad in new Wire.RangeResult[]
        {
            new(wire) { RowCount = -1 }, new(wire) { RowCount = 51 }, new(wire) { TokenCount = 0 },
            new(wire) { Range = null }, new(wire) { Step = -1 },
        })
        {
            await Assert.ThrowsAsync<MalformedMessageException>(() => FetchAsync(bad));
        }

        Withdraw(wire.Gradient);
    }

    [Fact]
    public async Task Lengths_that_are_not_the_models_are_refused_before_memory_is_taken()
    {
        int taken = 0;
        var model = new ModelSettings(1 << 20, 1, 1, -1);
        var layout = ParameterLayout.For(model);
        using var parameters = new FloatBufferPool(layout.Length, length =>
        {
            taken++;
            return new FloatBuffer(length);
        });
        using var gradients = new GradientPool(layout);
        await using var transfers = new BulkTransfers(_server.Offers, _client, parameters, gradients, layout);
        long right = 4L * layout.Length;
        foreach (long length in new[] { right - 4, right + 1, 0, -1, long.MaxValue, long.MinValue })
        {
            await Assert.ThrowsAsync<BulkException>(() => transfers.FetchAsync(
                new Wire.Publish { Parameters = new() { Length = length } }, _server.Address, Deadline));
        }

        await Assert.ThrowsAsync<BulkException>(
            () => transfers.FetchAsync(new Wire.Publish(), _server.Address, Deadline));
        await Assert.ThrowsAsync<BulkException>(() => transfers.FetchAsync(
            new Wire.Publish { Version = -1, Parameters = new() { Length = right } }, _server.Address, Deadline));
        Assert.Equal(0, taken);

        var result = new Wire.RangeResult
        {
            Range = new() { Start = 0, Length = 1 },
            TokenCount = 1,
            RowCount = 1 << 19,
            Gradient = new() { Length = Payload.LengthOf(layout, 1 << 19) },
        };
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (long more in new[] { -4L, 4, long.MaxValue - result.Gradient.Length })
        {
            var bad = new Wire.RangeResult(result);
            bad.Gradient.Length += more;
            var fetch = transfers.FetchAsync(bad, s_worker, new RunExtent(model, 8), _server.Address, Deadline);
            Assert.IsType<BulkException>(fetch.Exception!.InnerException);
        }

        // A gradient has room for the ids of half a million rows and more.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData((1L << 28) + 1)]
    [InlineData(long.MaxValue)]
    [InlineData(200L << 20)]
    public async Task A_large_message_takes_no_memory_before_it_is_known_to_be_there(long length)
    {
        var large = new Wire.Large { Manifest = "Assign", Content = new() { IdLow = 3, Length = length } };
        long before = GC.GetAllocatedBytesForCurrentThread();
        var fetch = _receiver.Transfers.FetchLargeAsync(large, _server.Address, Deadline);
        long taken = GC.GetAllocatedBytesForCurrentThread() - before;
        await Assert.ThrowsAsync<BulkException>(() => fetch);
        Assert.InRange(taken, 0, 1 << 20);
        large.Content = null;
        await Assert.ThrowsAsync<BulkException>(
            () => _receiver.Transfers.FetchLargeAsync(large, _server.Address, Deadline));
    }

    [Fact]
    public async Task A_large_message_that_is_none_is_not_read()
    {
        var wire = _sender.Transfers.OfferLarge(Assignment(10));
        foreach (string manifest in new[] { "", "Nobody", "System.String", "assign" })
        {
            await Assert.ThrowsAsync<SerializationException>(() => _receiver.Transfers.FetchLargeAsync(
                new Wire.Large(wire) { Manifest = manifest }, _server.Address, Deadline));
        }

        Withdraw(wire.Content);
        byte[] garbage = [0xFF, 0xFF, 0xFF];
        var payload = new Payload(() => garbage);
        var content = _server.Offers.Add(payload, payload.Hash(), null, () => { });
        await Assert.ThrowsAsync<InvalidProtocolBufferException>(() => _receiver.Transfers.FetchLargeAsync(
            new Wire.Large { Manifest = "Assign", Content = content }, _server.Address, Deadline));
        Withdraw(content);
    }

    [Fact]
    public async Task What_is_cancelled_gives_its_buffers_back()
    {
        var version = Offer<Wire.Publish>(new Publish(5, Parameters(isShared: false)));
        var result = Offer<Wire.RangeResult>(Result(rows: 5));
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => _receiver.Transfers.FetchAsync(version, _server.Address, cancelled.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => _receiver.Transfers.FetchAsync(result, s_worker, s_extent, _server.Address, cancelled.Token));
        Withdraw(version.Parameters);
        Withdraw(result.Gradient);
    }

    private static Wire.Assign Assignment(int ranges)
    {
        var drawn = new DrawnMessages(new Random(ranges), s_extent);
        var assign = new Wire.Assign { Incarnation = 5, Step = 3 };
        while (assign.Ranges.Count < ranges)
        {
            assign.Ranges.Add(((Wire.Assign)drawn.Any("Assign")).Ranges.ToArray());
        }

        return assign;
    }

    /// <summary>What travels of a message, at the other end.</summary>
    private T Offer<T>(Message message, bool isSameHost = false)
        where T : IMessage
    {
        var wire = _sender.Transfers.Offer(message, isSameHost);
        return (T)WireSerializer.Read(WireSerializer.ManifestOf(wire), wire.ToByteArray());
    }

    private void Withdraw(Wire.BulkReference reference) => _sender.Transfers.Withdraw(BulkClient.IdOf(reference));

    private Task<RangeResult> FetchAsync(Wire.RangeResult wire) =>
        _receiver.Transfers.FetchAsync(wire, s_worker, s_extent, _server.Address, Deadline);

    private ParameterVersion Parameters(bool isShared)
    {
        var pool = isShared ? _sender.Shared : _sender.Parameters;
        var buffer = pool.Rent();
        new Random(1).NextBytes(MemoryMarshal.AsBytes(buffer.Span));
        return new ParameterVersion(17, new CountedBuffer(buffer, pool));
    }

    private RangeResult Result(int rows)
    {
        var random = new Random(rows);
        var gradient = _sender.Gradients.Rent();
        random.NextBytes(MemoryMarshal.AsBytes(gradient.Dense.Span));
        random.NextBytes(MemoryMarshal.AsBytes(gradient.Rows.Span));
        for (int row = 0; row < rows; row++)
        {
            gradient.RowIds[row] = 3 + (2 * row);
        }

        (gradient.RowCount, gradient.LossSum, gradient.TokenCount) = (rows, 0.1 + rows, 100);
        return new RangeResult(5, new ActorId("x"), 17, new ShardRange(2, 2), 9, gradient);
    }

    private sealed class Process
    {
        public Process(BulkServer server, BulkClient client)
        {
            Parameters = new FloatBufferPool(s_layout.Length);
            Shared = ClusterHost.SharedBuffers(s_layout.Length);
            Gradients = new GradientPool(s_layout);
            Transfers = new BulkTransfers(server.Offers, client, Parameters, Gradients, s_layout);
        }

        public FloatBufferPool Parameters { get; }

        public FloatBufferPool Shared { get; }

        public GradientPool Gradients { get; }

        public BulkTransfers Transfers { get; }

        public void RequireNothingOutstanding() => Assert.Equal(
            (0, 0, 0), (Parameters.Outstanding, Shared.Outstanding, Gradients.Outstanding));
    }
}
