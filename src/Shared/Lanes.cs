using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Shared;

/// <summary>
/// Sixteen floats at a time, whatever the machine: the runtime maps a Vector512 to one, two or four registers, and lane
/// by lane arithmetic gives the
/// same bits on each. What does not fill a vector is loaded with zeros behind it, so that one formula serves body and
/// tail.
/// </summary>
public static unsafe class Lanes
{
    /// <summary>Floats in a vector.</summary>
    public const int Count = 16;

    /// <summary>The number of floats that whole vectors of <paramref name="length"/> floats cover.</summary>
    public static int WholeVectors(int length) => length & ~(Count - 1);

    /// <summary>The length rounded up to whole vectors.</summary>
    public static int RoundUp(int length) => checked(length + Count - 1) & ~(Count - 1);

    /// <summary>The largest lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector512<float> value)
    {
        Vector256<float> eight = Vector256.MaxNative(value.GetLower(), value.GetUpper());
        Vector128<float> four = Vector128.MaxNative(eight.GetLower(), eight.GetUpper());
        return Math.Max(Math.Max(four[0], four[1]), Math.Max(four[2], four[3]));
    }

    /// <summary>Loads a vector, or what there is of one and zeros behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source, int count) =>
        count >= Count ? Vector512.Load(source) : LoadPartial(source, count);

    /// <summary>Stores a vector, or what there is room for.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, float* destination, int count)
    {
        if (count >= Count)
        {
            value.Store(destination);
        }
        else
        {
            StorePartial(value, destination, count);
        }
    }

    /// <summary>Loads <paramref name="count"/> floats, fewer than a vector, and zeros behind them.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector512<float> LoadPartial(float* source, int count)
    {
        float* lanes = stackalloc float[Count];
        for (int lane = 0; lane < Count; lane++)
        {
            lanes[lane] = lane < count ? source[lane] : 0f;
        }

        return Vector512.Load(lanes);
    }

    /// <summary>Stores the first <paramref name="count"/> floats, fewer than a vector.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void StorePartial(Vector512<float> value, float* destination, int count)
    {
        float* lanes = stackalloc float[Count];
        value.Store(lanes);
        for (int lane = 0; lane < count; lane++)
        {
            destination[lane] = lanes[lane];
        }
    }

    /// <summary>accumulator ← accumulator + addend, element by element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* accumulator, float* addend, int count)
    {
        int whole = WholeVectors(count);
        for (int i = 0; i < whole; i += Count)
        {
            (Vector512.Load(accumulator + i) + Vector512.Load(addend + i)).Store(accumulator + i);
        }

        for (int i = whole; i < count; i++)
        {
            accumulator[i] += addend[i];
        }
    }

    /// <summary>result ← left · right, element by element; the result may be one of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* left, float* right, float* result, int count)
    {
        int whole = WholeVectors(count);
        for (int i = 0; i < whole; i += Count)
        {
            (Vector512.Load(left + i) * Vector512.Load(right + i)).Store(result + i);
        }

        for (int i = whole; i < count; i++)
        {
            result[i] = left[i] * right[i];
        }
    }

    /// <summary>Copies <paramref name="count"/> floats; the ranges may overlap.</summary>
    public static void Copy(float* source, float* destination, int count) =>
        new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(destination, count));
}
