using System.Runtime.InteropServices;

namespace RnnLm.Tests;

/// <summary>Reproducible numbers and comparisons.</summary>
internal static unsafe class Numbers
{
    /// <summary>Uniform in [-scale, scale).</summary>
    public static FloatBuffer Uniform(int length, double scale, ulong stream)
    {
        var random = new CounterRandom(1, RandomPurpose.TestShard, stream);
        var buffer = new FloatBuffer(length);
        for (int i = 0; i < length; i++)
        {
            buffer.Span[i] = (float)(((2 * random.UniformDouble((ulong)i)) - 1) * scale);
        }

        return buffer;
    }

    /// <summary>Room whose contents would be noticed if they were read.</summary>
    public static FloatBuffer Garbage(int length)
    {
        var buffer = new FloatBuffer(length);
        buffer.Span.Fill(float.NaN);
        return buffer;
    }

    public static int[] Ids(int count, int vocabularySize, ulong stream)
    {
        var random = new CounterRandom(2, RandomPurpose.TestShard, stream);
        return [.. Enumerable.Range(0, count).Select(i => (int)(random.Bits32((ulong)i) % (uint)vocabularySize))];
    }

    public static double[] ToDouble(this FloatBuffer buffer) =>
        [.. buffer.Span.ToArray().Select(value => (double)value)];

    public static Matrix AsMatrix(this FloatBuffer buffer, int rows, int columns)
    {
        Assert.True(rows * columns <= buffer.Length);
        return new Matrix(buffer.Address, rows, columns);
    }

    /// <summary>Every difference is at most <paramref name="tolerance"/> of the largest expected magnitude.</summary>
    public static void AssertClose(ReadOnlySpan<double> expected, ReadOnlySpan<float> actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        double largest = 1e-30;
        foreach (double value in expected)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }

        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(
                Math.Abs(expected[i] - actual[i]) <= tolerance * largest,
                $"element {i}: expected {expected[i]}, got {actual[i]}, largest {largest}");
        }
    }

    /// <summary>The bits are equal, so that -0 differs from +0.</summary>
    public static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual) =>
        Assert.Equal(
            MemoryMarshal.Cast<float, int>(expected).ToArray(), MemoryMarshal.Cast<float, int>(actual).ToArray());
}
