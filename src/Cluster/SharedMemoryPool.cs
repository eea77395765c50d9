using System.Collections.Concurrent;
using System.Numerics;

namespace RnnLm.Cluster;

/// <summary>Shared memory in which bytes are laid out for other processes of the host, re-used.</summary>
internal sealed class SharedMemoryPool : IDisposable
{
    private readonly ConcurrentDictionary<long, ConcurrentBag<SharedMemory>> _free = [];
    private volatile bool _isDisposed;

    /// <summary>Memory of at least that length; null where there is none to be had.</summary>
    public SharedMemory? TryRent(long length)
    {
        // An eighth of a power of two: few sizes, and little waste.
        long step = Math.Max(4096, (long)BitOperations.RoundUpToPowerOf2((ulong)length) >> 3);
        long size = (length + step - 1) / step * step;
        return size <= int.MaxValue && Sized(size).TryTake(out var memory) ? memory
            : size <= int.MaxValue ? SharedMemory.TryCreate(size)
            : null;
    }

    /// <summary>Takes memory back.</summary>
    public void Return(SharedMemory memory)
    {
        Sized(memory.Length).Add(memory);
        if (_isDisposed)
        {
            Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isDisposed = true;
        foreach (var bag in _free.Values)
        {
            while (bag.TryTake(out var memory))
            {
                memory.Dispose();
            }
        }
    }

    private ConcurrentBag<SharedMemory> Sized(long size) => _free.GetOrAdd(size, _ => []);
}
