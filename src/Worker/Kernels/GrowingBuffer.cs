using System.Numerics;

namespace RnnLm.Worker;

/// <summary>
/// Scratch memory that is replaced by more when more is asked for, at least twice as much, so that shards of ever new lengths
/// replace it seldom; what is not touched takes no memory. Contents do not survive that and start out undefined.
/// </summary>
internal sealed unsafe class GrowingBuffer : IDisposable
{
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
            _buffer = new FloatBuffer((int)Math.Min(BitOperations.RoundUpToPowerOf2((uint)length), (uint)FloatBuffer.MostFloats));
        }
    }

    /// <summary>A (rows, columns) matrix over the buffer.</summary>
    public Matrix AsMatrix(int rows, int columns)
    {
        Reserve(checked(rows * columns));
        return new Matrix(_buffer, 0, rows, columns);
    }

    /// <summary>A (rows, columns) matrix over the part of the buffer that begins at <paramref name="offset"/>; there must be room for it.</summary>
    public Matrix AsMatrix(int offset, int rows, int columns) => new(_buffer, offset, rows, columns);

    /// <inheritdoc/>
    public void Dispose() => _buffer.Dispose();
}
