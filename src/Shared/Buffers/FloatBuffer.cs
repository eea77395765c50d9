using System.Runtime.InteropServices;

namespace RnnLm.Shared;

/// <summary>
/// Native float32 memory, aligned to 64 bytes (a cache line, an AVX-512 register), outside the garbage collector's
/// heap: large buffers stay where they are
/// and kernels take their address. Pages that are never touched take no memory.
/// </summary>
public sealed unsafe class FloatBuffer : IDisposable
{
    private const int AlignmentBytes = 64;
    private float* _address;

    /// <summary>Takes room for <paramref name="length"/> floats; the contents are undefined.</summary>
    public FloatBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        _address = (float*)NativeMemory.AlignedAlloc((nuint)Math.Max(length, 1) * sizeof(float), AlignmentBytes);
        GC.AddMemoryPressure(SizeBytes);
    }

    /// <summary>Wraps memory that was taken otherwise.</summary>
    /// <param name="address">Of the first float, aligned to 64 bytes.</param>
    /// <param name="length">Number of floats.</param>
    /// <param name="memory">What the floats lie in; freed with the buffer.</param>
    public FloatBuffer(float* address, int length, IDisposable memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        _address = address;
        (Length, Memory) = (length, memory);
    }

    ~FloatBuffer() => Free();

    /// <summary>Number of floats.</summary>
    public int Length { get; }

    /// <summary>What the floats lie in; null for memory of this process alone.</summary>
    public IDisposable? Memory { get; }

    private long SizeBytes => (long)Math.Max(Length, 1) * sizeof(float);

    /// <summary>Address of the first float.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was freed.</exception>
    public float* Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_address == null, this);
            return _address;
        }
    }

    /// <summary>The whole buffer.</summary>
    public Span<float> Span => new(Address, Length);

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_address == null)
        {
            return;
        }

        float* address = _address;
        _address = null;
        if (Memory is not null)
        {
            Memory.Dispose();
            return;
        }

        NativeMemory.AlignedFree(address);
        GC.RemoveMemoryPressure(SizeBytes);
    }
}
