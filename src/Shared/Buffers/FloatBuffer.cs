using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace RnnLm.Shared;

/// <summary>
/// A float32 array that the garbage collector never moves, with its first value aligned to 64 bytes (a cache line, an
/// AVX-512 register): kernels take its address, and tensor libraries wrap it without a copy. Pages that are never
/// touched take no memory.
/// </summary>
public sealed unsafe class FloatBuffer : IDisposable
{
    /// <summary>Most floats a buffer can hold.</summary>
    public static readonly int MostFloats = System.Array.MaxLength - AlignmentFloats;

    private const int AlignmentFloats = 16;
    private float[]? _array;

    /// <summary>Takes room for <paramref name="length"/> floats; the contents are undefined.</summary>
    public FloatBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        _array = GC.AllocateUninitializedArray<float>(length + AlignmentFloats, pinned: true);
        nint first = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_array));
        Offset = (int)(-(first / sizeof(float)) & (AlignmentFloats - 1));
    }

    /// <summary>Number of floats.</summary>
    public int Length { get; }

    /// <summary>The array behind the buffer, which begins at its element <see cref="Offset"/>.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given up.</exception>
    public float[] Array => _array ?? throw new ObjectDisposedException(nameof(FloatBuffer));

    /// <summary>The element of <see cref="Array"/> that is the buffer's first.</summary>
    public int Offset { get; }

    /// <summary>Address of the first float.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given up.</exception>
    public float* Address => (float*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(Array)) + Offset;

    /// <summary>The whole buffer.</summary>
    public Span<float> Span => Array.AsSpan(Offset, Length);

    /// <summary>Gives the memory up to the garbage collector.</summary>
    public void Dispose() => _array = null;
}
