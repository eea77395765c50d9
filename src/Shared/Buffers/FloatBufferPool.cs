using System.Collections.Concurrent;

namespace RnnLm.Shared;

/// <summary>Where a buffer comes from and goes back to.</summary>
public interface IBufferOwner
{
    /// <summary>Takes a buffer back that nobody uses any more.</summary>
    void Return(FloatBuffer buffer);
}

/// <summary>Buffers of one length, re-used. Safe to share between threads.</summary>
/// <param name="length">Floats in each.</param>
/// <param name="allocate">Takes the memory of a new one; memory of this process if not given.</param>
public sealed class FloatBufferPool(int length, Func<int, FloatBuffer>? allocate = null) : IBufferOwner, IDisposable
{
    private readonly ConcurrentBag<FloatBuffer> _free = [];
    private int _outstanding;

    /// <summary>Buffers rented and not yet returned.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>A buffer with undefined contents.</summary>
    public FloatBuffer Rent()
    {
        Interlocked.Increment(ref _outstanding);
        return _free.TryTake(out var buffer) ? buffer
            : allocate is null ? new FloatBuffer(length)
            : allocate(length);
    }

    /// <inheritdoc/>
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
