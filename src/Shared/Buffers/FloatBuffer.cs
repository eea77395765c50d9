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

    ~FloatBuffer() => Free();

    /// <summary>Number of floats.</summary>
    public int Length { get; }

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

        NativeMemory.AlignedFree(_address);
        _address = null;
        GC.RemoveMemoryPressure(SizeBytes);
    }
}
