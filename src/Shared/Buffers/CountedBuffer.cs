namespace RnnLm.Shared;

/// <summary>
/// A pooled buffer with counted references: the last to release it gives it back to its owner. While more than one
/// reference is held nobody may write it.
/// </summary>
public sealed class CountedBuffer
{
    private readonly IBufferOwner _owner;
    private readonly FloatBuffer _values;
    private int _references = 1;

    /// <summary>Wraps a buffer, with one reference held by the caller.</summary>
    /// <param name="values">Owned from here on.</param>
    /// <param name="owner">Where it goes when nobody needs it.</param>
    public CountedBuffer(FloatBuffer values, IBufferOwner owner)
    {
        _values = values;
        _owner = owner;
    }

    /// <summary>The contents.</summary>
    /// <exception cref="ObjectDisposedException">Nobody holds a reference any more.</exception>
    public FloatBuffer Values
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _references) <= 0, this);
            return _values;
        }
    }

    /// <summary>Whether the caller's reference is the only one, so that it may write.</summary>
    public bool IsExclusive => Volatile.Read(ref _references) == 1;

    /// <summary>Takes one more reference.</summary>
    public CountedBuffer Retain()
    {
        int references = Interlocked.Increment(ref _references);
        ObjectDisposedException.ThrowIf(references <= 1, this);
        return this;
    }

    /// <summary>Gives one reference back.</summary>
    public void Release()
    {
        int references = Interlocked.Decrement(ref _references);
        ObjectDisposedException.ThrowIf(references < 0, this);
        if (references == 0)
        {
            _owner.Return(_values);
        }
    }
}
