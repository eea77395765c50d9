using System.Collections.Concurrent;

namespace RnnLm.Shared;

/// <summary>Buffers of one length, re-used. Safe to share between threads.</summary>
public sealed class FloatBufferPool(int length) : IDisposable
{
    private readonly ConcurrentBag<FloatBuffer> _free = [];
    private int _outstanding;

    /// <summary>Buffers rented and not yet returned.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>A buffer with undefined contents.</summary>
    public FloatBuffer Rent()
    {
        Interlocked.Increment(ref _outstanding);
        return _free.TryTake(out var buffer) ? buffer : new FloatBuffer(length);
    }

    /// <summary>Gives a buffer back; the caller must not touch it again.</summary>
    public void Return(FloatBuffer buffer)
    {
        Interlocked.Decrement(ref _outstanding);
        _free.Add(buffer);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_free.TryTake(out var buffer))
        {
            buffer.Dispose();
        }
    }
}
