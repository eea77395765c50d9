using System.Collections.Concurrent;

namespace RnnLm.Shared;

/// <summary>Gradient buffers of one layout, re-used from step to step. Safe to share between threads.</summary>
public sealed class GradientPool(ParameterLayout layout) : IDisposable
{
    private readonly ConcurrentBag<Gradient> _free = [];
    private int _outstanding;

    /// <summary>Buffers rented and not yet returned.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>A cleared gradient; the caller owns it until it releases it or hands it on.</summary>
    public Gradient Rent()
    {
        Interlocked.Increment(ref _outstanding);
        if (!_free.TryTake(out var gradient))
        {
            gradient = new Gradient(layout, this);
        }

        return gradient;
    }

    /// <summary>Takes a gradient of this pool back.</summary>
    internal void Return(Gradient gradient)
    {
        // Cleared now and not when it is taken: who still reads it reads nothing, every time and not once in a while.
        gradient.Clear();
        Interlocked.Decrement(ref _outstanding);
        _free.Add(gradient);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_free.TryTake(out var gradient))
        {
            gradient.Dispose();
        }
    }
}
