using RnnLm.Shared.Buffers;

namespace RnnLm.Shared.Parameters;

/// <summary>
/// The parameters after <see cref="Version"/> updates, immutable once published. Counted references: every message, computation and checkpoint that uses it
/// holds one, and the last to release it gives the buffer back to its pool.
/// </summary>
public sealed class ParameterVersion
{
    private readonly FloatBufferPool _pool;
    private readonly FloatBuffer _values;
    private int _references = 1;

    /// <summary>Wraps filled values, with one reference held by the caller.</summary>
    /// <param name="version">Number of updates these parameters are the result of.</param>
    /// <param name="values">The model's flat buffer, laid out as a <see cref="ParameterLayout"/> says; owned from here on.</param>
    /// <param name="pool">Where the buffer goes when nobody needs it.</param>
    public ParameterVersion(long version, FloatBuffer values, FloatBufferPool pool)
    {
        Version = version;
        _values = values;
        _pool = pool;
    }

    /// <summary>Number of updates made so far.</summary>
    public long Version { get; }

    /// <summary>The model's flat buffer; nobody writes it.</summary>
    public FloatBuffer Values
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _references) <= 0, this);
            return _values;
        }
    }

    /// <summary>Takes one more reference.</summary>
    public ParameterVersion Retain()
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
            _pool.Return(_values);
        }
    }
}
