namespace RnnLm.Worker;

/// <summary>Scratch memory that is replaced by more when more is asked for. Contents do not survive that and start out
/// undefined.</summary>
internal sealed unsafe class GrowingBuffer : IDisposable
{
    /// <summary>Floats in 2 KiB.</summary>
    private const int ConflictingStride = 512;

    private FloatBuffer _buffer = new(0);

    /// <summary>Address of the first float, aligned to 64 bytes.</summary>
    public float* Address => _buffer.Address;

    /// <summary>Floats there is room for.</summary>
    public int Length => _buffer.Length;

    /// <summary>Everything there is room for.</summary>
    public Span<float> Span => _buffer.Span;

    /// <summary>Makes room for <paramref name="length"/> floats.</summary>
    public void Reserve(int length)
    {
        if (_buffer.Length < length)
        {
            _buffer.Dispose();
            _buffer = new FloatBuffer(length);
        }
    }

    /// <summary>A (rows, columns) matrix over the buffer.</summary>
    public Matrix AsMatrix(int rows, int columns)
    {
        Reserve(checked(rows * columns));
        return new Matrix(Address, rows, columns);
    }

    /// <summary>A (rows, columns) matrix whose transpose is to be a left operand: rows at a multiple of 2 KiB from each
    /// other would share a few sets of the caches and drive each other out, so that such rows have a gap behind
    /// them.</summary>
    public Matrix AsSpacedMatrix(int rows, int columns)
    {
        int stride = columns % ConflictingStride == 0 ? columns + Lanes.Count : columns;
        Reserve(checked(rows * stride));
        return new Matrix(Address, rows, columns, stride);
    }

    /// <inheritdoc/>
    public void Dispose() => _buffer.Dispose();
}
