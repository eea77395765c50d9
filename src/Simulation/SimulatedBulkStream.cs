using RnnLm.Cluster;

namespace RnnLm.Simulation;

/// <summary>Bytes on their way from an offer of one process to another.</summary>
internal sealed class SimulatedBulkStream : Stream
{
    private const double StallRate = 0.01;
    private const double BreakRate = 0.03;
    private const double DamageRate = 0.02;

    /// <summary>A receiver that takes nothing for so long is cut off.</summary>
    private static readonly TimeSpan s_slowest = TimeSpan.FromSeconds(15);

    private readonly World _world;
    private readonly SimulatedProcess _server;
    private readonly SimulatedProcess _client;
    private readonly BulkOffers.Offer _offer;
    private readonly Action _close;
    private long _offset;
    private TimeSpan _taken;
    private bool _isClosed;

    /// <param name="world">Where.</param>
    /// <param name="server">Who offers them.</param>
    /// <param name="client">Who fetches them.</param>
    /// <param name="offer">The bytes.</param>
    /// <param name="offset">The first of them.</param>
    /// <param name="close">Ends reading, in the server's process.</param>
    public SimulatedBulkStream(
        World world,
        SimulatedProcess server,
        SimulatedProcess client,
        BulkOffers.Offer offer,
        long offset,
        Action close)
    {
        (_world, _server, _client, _offer, _offset, _close) = (world, server, client, offer, offset, close);
        Watch();
    }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var pending = new Pending<int>(cancellationToken);
        var broken = new IOException("the connection ended");
        _world.Network.Travel(
            _client,
            _server,
            () =>
            {
                if (Happens(StallRate))
                {
                    return;
                }

                if (_isClosed || _offer.IsWithdrawn || Happens(BreakRate))
                {
                    Close();
                    _world.Network.Travel(_server, _client, () => pending.Fail(broken));
                    return;
                }

                byte[] bytes = Take();
                _world.Network.Travel(_server, _client, () =>
                {
                    // Who has given up may read into this memory already, for something else.
                    if (!pending.Task.IsCompleted)
                    {
                        bytes.CopyTo(buffer.Span);
                        pending.Give(bytes.Length);
                    }
                });
            },
            () => pending.Fail(broken));
        return new ValueTask<int>(pending.Task);
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Flush() => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _server.Post(TimeSpan.Zero, Close);
        base.Dispose(disposing);
    }

    /// <summary>The next bytes, one of which may be damaged on its way.</summary>
    private byte[] Take()
    {
        long left = _offer.Payload.Length - _offset;
        byte[] bytes = new byte[_world.Dice.Chance(0.5) ? left : _world.Dice.Between(1, (int)left)];
        _offer.Payload.Read(_offset, bytes);
        _offset += bytes.Length;
        _taken = _world.Time.Now;
        if (Happens(DamageRate))
        {
            bytes[_world.Dice.Below(bytes.Length)] ^= 1;
        }

        return bytes;
    }

    private bool Happens(double rate)
    {
        bool happens = _world.MayFail(Faults.Bulk) && _world.Dice.Chance(rate);
        if (happens)
        {
            _world.Count(nameof(Faults.Bulk));
        }

        return happens;
    }

    private void Watch()
    {
        _taken = _world.Time.Now;
        _server.PostByOwnClock(s_slowest, () =>
        {
            if (_isClosed)
            {
                return;
            }

            if (!_client.IsAlive || _world.Time.Now - _taken > s_slowest / 2)
            {
                Close();
                return;
            }

            Watch();
        });
    }

    private new void Close()
    {
        if (!_isClosed)
        {
            _isClosed = true;
            _close();
        }
    }
}
