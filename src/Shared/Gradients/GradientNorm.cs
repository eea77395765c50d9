using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Shared;

/// <summary>The L2 norm of a step's mean gradient.</summary>
public static unsafe class GradientNorm
{
    private const int BlockFloats = 1 << 16;

    /// <summary>
    /// sqrt(Σ g²) / tokens over all parameters, not finite when any element is not. Squares of floats are exact in
    /// double; they are added lane by lane inside
    /// fixed blocks and the blocks in order, so the bits depend neither on the machine's vectors nor on
    /// <paramref name="degree"/>.
    /// </summary>
    /// <param name="gradient">Sum over a step's tokens; 0 for the identity.</param>
    /// <param name="degree">Most threads to use.</param>
    public static double OfMean(Gradient gradient, int degree)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        if (gradient.IsIdentity)
        {
            return 0;
        }

        int rowFloats = gradient.RowCount * gradient.Layout.Embedding.Shape[1];
        int dense = gradient.Layout.Length - gradient.Layout.DenseStart;
        int denseBlocks = FixedBlocks.CountOf(dense, BlockFloats);
        int rowBlocks = FixedBlocks.CountOf(rowFloats, BlockFloats);
        var sums = new double[denseBlocks + rowBlocks];
        FixedBlocks.ForEach(sums.Length, degree, block =>
        {
            sums[block] = block < denseBlocks
                ? SumOfSquares(gradient.Dense.Address, dense, block)
                : SumOfSquares(gradient.Rows.Address, rowFloats, block - denseBlocks);
        });

        double total = 0;
        foreach (double sum in sums)
        {
            total += sum;
        }

        return Math.Sqrt(total) / gradient.TokenCount;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double SumOfSquares(float* values, int length, int block)
    {
        int first = block * BlockFloats;
        int end = Math.Min(length, first + BlockFloats);
        int whole = first + Lanes.WholeVectors(end - first);
        Vector512<double> low = Vector512<double>.Zero;
        Vector512<double> high = Vector512<double>.Zero;
        for (int i = first; i < whole; i += Lanes.Count)
        {
            (Vector512<double> lower, Vector512<double> upper) = Vector512.Widen(Vector512.Load(values + i));
            low += lower * lower;
            high += upper * upper;
        }

        if (whole < end)
        {
            (Vector512<double> lower, Vector512<double> upper) =
                Vector512.Widen(Lanes.LoadPartial(values + whole, end - whole));
            low += lower * lower;
            high += upper * upper;
        }

        double sum = 0;
        for (int lane = 0; lane < Vector512<double>.Count; lane++)
        {
            sum += low[lane] + high[lane];
        }

        return sum;
    }
}
