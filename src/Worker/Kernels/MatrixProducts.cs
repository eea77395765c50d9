using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Worker;

/// <summary>
/// Matrix products on the calling thread. Every element of a result is one chain of fused multiply-adds over the inner
/// dimension, first term first, whatever blocks it is computed in: a product's bits depend on its operands alone, neither on
/// a library nor on the machine's vectors. At the sizes of a shard these blocks are also faster than libtorch's
/// products (bench/README.md): operands of so few columns need not be packed.
/// </summary>
/// <remarks>
/// A block of the result stays in registers: rows of it times a few vectors of columns (Goto and van de Geijn, "Anatomy of
/// High-Performance Matrix Multiplication", 2008).
/// </remarks>
internal static unsafe class MatrixProducts
{
    /// <summary>Rows of a block.</summary>
    private const int BlockRows = 6;

    /// <summary>Columns of a block that fills the registers, where those have 512 bits.</summary>
    private const int WideColumns = 4 * Lanes.Count;

    /// <summary>
    /// result = left · right + keep · result, where keep is 0 (the old contents are ignored, even when not a number) or 1.
    /// </summary>
    /// <param name="left">(m, k), possibly transposed.</param>
    /// <param name="right">(k, n), not transposed.</param>
    /// <param name="result">(m, n), not transposed.</param>
    /// <param name="keep">Whether the product is added to the old contents.</param>
    public static void Multiply(Matrix left, Matrix right, Matrix result, bool keep = false)
    {
        if (left.Rows != result.Rows || left.Columns != right.Rows || right.Columns != result.Columns ||
            right.IsTransposed || result.IsTransposed)
        {
            throw new ArgumentException(
                $"({left.Rows}, {left.Columns}) times ({right.Rows}, {right.Columns}) " +
                $"into ({result.Rows}, {result.Columns})",
                nameof(result));
        }

        int column = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; column + WideColumns <= result.Columns; column += WideColumns)
            {
                MultiplyColumns<Four>(left, right, result, column, keep);
            }
        }

        for (; column + Lanes.Count <= result.Columns; column += Lanes.Count)
        {
            MultiplyColumns<One>(left, right, result, column, keep);
        }

        for (; column < result.Columns; column++)
        {
            MultiplyColumn(left, right, result, column, keep);
        }
    }

    /// <summary>A block's columns from the first row to the last.</summary>
    private static void MultiplyColumns<TWidth>(Matrix left, Matrix right, Matrix result, int column, bool keep)
        where TWidth : struct, ICount
    {
        int row = 0;
        for (; row + BlockRows <= result.Rows; row += BlockRows)
        {
            MultiplyBlock<Six, TWidth>(left, right, result, row, column, keep);
        }

        switch (result.Rows - row)
        {
            case 1: MultiplyBlock<One, TWidth>(left, right, result, row, column, keep); break;
            case 2: MultiplyBlock<Two, TWidth>(left, right, result, row, column, keep); break;
            case 3: MultiplyBlock<Three, TWidth>(left, right, result, row, column, keep); break;
            case 4: MultiplyBlock<Four, TWidth>(left, right, result, row, column, keep); break;
            case 5: MultiplyBlock<Five, TWidth>(left, right, result, row, column, keep); break;
        }
    }

    private static void MultiplyBlock<TRows, TWidth>(
        Matrix left, Matrix right, Matrix result, int row, int column, bool keep)
        where TRows : struct, ICount
        where TWidth : struct, ICount
    {
        nint rowStep = left.IsTransposed ? 1 : left.Stride;
        nint depthStep = left.IsTransposed ? left.Stride : 1;
        float* factors = left.Address + (row * rowStep);
        float* values = right.Address + column;
        float* sums = result.Row(row) + column;
        if (Vector512.IsHardwareAccelerated)
        {
            Block512<TRows, TWidth>(
                left.Columns, factors, rowStep, depthStep, values, right.Stride, sums, result.Stride, keep);
        }
        else
        {
            Block256<TRows>(left.Columns, factors, rowStep, depthStep, values, right.Stride, sums, result.Stride, keep);
        }
    }

    /// <summary>Up to six rows times one or four vectors of sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block512<TRows, TWidth>(
        int depth, float* left, nint rowStep, nint depthStep, float* right, nint rightStride, float* result,
        nint resultStride, bool keep)
        where TRows : struct, ICount
        where TWidth : struct, ICount
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default;
        Vector512<float> b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default;
        Vector512<float> d0 = default, d1 = default, d2 = default, d3 = default;
        Vector512<float> e0 = default, e1 = default, e2 = default, e3 = default;
        Vector512<float> f0 = default, f1 = default, f2 = default, f3 = default;
        for (int k = 0; k < depth; k++)
        {
            Vector512<float> v0 = Vector512.Load(right);
            Vector512<float> v1 = TWidth.Count > 1 ? Vector512.Load(right + 16) : default;
            Vector512<float> v2 = TWidth.Count > 1 ? Vector512.Load(right + 32) : default;
            Vector512<float> v3 = TWidth.Count > 1 ? Vector512.Load(right + 48) : default;
            AddRow<TWidth>(left[0], v0, v1, v2, v3, ref a0, ref a1, ref a2, ref a3);
            if (TRows.Count > 1)
            {
                AddRow<TWidth>(left[rowStep], v0, v1, v2, v3, ref b0, ref b1, ref b2, ref b3);
            }

            if (TRows.Count > 2)
            {
                AddRow<TWidth>(left[2 * rowStep], v0, v1, v2, v3, ref c0, ref c1, ref c2, ref c3);
            }

            if (TRows.Count > 3)
            {
                AddRow<TWidth>(left[3 * rowStep], v0, v1, v2, v3, ref d0, ref d1, ref d2, ref d3);
            }

            if (TRows.Count > 4)
            {
                AddRow<TWidth>(left[4 * rowStep], v0, v1, v2, v3, ref e0, ref e1, ref e2, ref e3);
            }

            if (TRows.Count > 5)
            {
                AddRow<TWidth>(left[5 * rowStep], v0, v1, v2, v3, ref f0, ref f1, ref f2, ref f3);
            }

            left += depthStep;
            right += rightStride;
        }

        StoreRow<TWidth>(result, a0, a1, a2, a3, keep);
        if (TRows.Count > 1)
        {
            StoreRow<TWidth>(result + resultStride, b0, b1, b2, b3, keep);
        }

        if (TRows.Count > 2)
        {
            StoreRow<TWidth>(result + (2 * resultStride), c0, c1, c2, c3, keep);
        }

        if (TRows.Count > 3)
        {
            StoreRow<TWidth>(result + (3 * resultStride), d0, d1, d2, d3, keep);
        }

        if (TRows.Count > 4)
        {
            StoreRow<TWidth>(result + (4 * resultStride), e0, e1, e2, e3, keep);
        }

        if (TRows.Count > 5)
        {
            StoreRow<TWidth>(result + (5 * resultStride), f0, f1, f2, f3, keep);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow<TWidth>(
        float factor, Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3,
        ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2, ref Vector512<float> s3)
        where TWidth : struct, ICount
    {
        Vector512<float> factors = Vector512.Create(factor);
        s0 = Vector512.FusedMultiplyAdd(factors, v0, s0);
        if (TWidth.Count > 1)
        {
            s1 = Vector512.FusedMultiplyAdd(factors, v1, s1);
            s2 = Vector512.FusedMultiplyAdd(factors, v2, s2);
            s3 = Vector512.FusedMultiplyAdd(factors, v3, s3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow<TWidth>(
        float* row, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3, bool keep)
        where TWidth : struct, ICount
    {
        (keep ? Vector512.Load(row) + s0 : s0).Store(row);
        if (TWidth.Count > 1)
        {
            (keep ? Vector512.Load(row + 16) + s1 : s1).Store(row + 16);
            (keep ? Vector512.Load(row + 32) + s2 : s2).Store(row + 32);
            (keep ? Vector512.Load(row + 48) + s3 : s3).Store(row + 48);
        }
    }

    /// <summary>Up to six rows times two vectors of eight: what sixteen registers of 256 bits hold.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block256<TRows>(
        int depth, float* left, nint rowStep, nint depthStep, float* right, nint rightStride, float* result,
        nint resultStride, bool keep)
        where TRows : struct, ICount
    {
        Vector256<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default;
        Vector256<float> d0 = default, d1 = default, e0 = default, e1 = default, f0 = default, f1 = default;
        for (int k = 0; k < depth; k++)
        {
            Vector256<float> v0 = Vector256.Load(right);
            Vector256<float> v1 = Vector256.Load(right + 8);
            AddRow(left[0], v0, v1, ref a0, ref a1);
            if (TRows.Count > 1)
            {
                AddRow(left[rowStep], v0, v1, ref b0, ref b1);
            }

            if (TRows.Count > 2)
            {
                AddRow(left[2 * rowStep], v0, v1, ref c0, ref c1);
            }

            if (TRows.Count > 3)
            {
                AddRow(left[3 * rowStep], v0, v1, ref d0, ref d1);
            }

            if (TRows.Count > 4)
            {
                AddRow(left[4 * rowStep], v0, v1, ref e0, ref e1);
            }

            if (TRows.Count > 5)
            {
                AddRow(left[5 * rowStep], v0, v1, ref f0, ref f1);
            }

            left += depthStep;
            right += rightStride;
        }

        StoreRow(result, a0, a1, keep);
        if (TRows.Count > 1)
        {
            StoreRow(result + resultStride, b0, b1, keep);
        }

        if (TRows.Count > 2)
        {
            StoreRow(result + (2 * resultStride), c0, c1, keep);
        }

        if (TRows.Count > 3)
        {
            StoreRow(result + (3 * resultStride), d0, d1, keep);
        }

        if (TRows.Count > 4)
        {
            StoreRow(result + (4 * resultStride), e0, e1, keep);
        }

        if (TRows.Count > 5)
        {
            StoreRow(result + (5 * resultStride), f0, f1, keep);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow(
        float factor, Vector256<float> v0, Vector256<float> v1, ref Vector256<float> s0, ref Vector256<float> s1)
    {
        Vector256<float> factors = Vector256.Create(factor);
        s0 = Vector256.FusedMultiplyAdd(factors, v0, s0);
        s1 = Vector256.FusedMultiplyAdd(factors, v1, s1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow(float* row, Vector256<float> s0, Vector256<float> s1, bool keep)
    {
        (keep ? Vector256.Load(row) + s0 : s0).Store(row);
        (keep ? Vector256.Load(row + 8) + s1 : s1).Store(row + 8);
    }

    /// <summary>One of the columns that fill no vector.</summary>
    private static void MultiplyColumn(Matrix left, Matrix right, Matrix result, int column, bool keep)
    {
        nint rowStep = left.IsTransposed ? 1 : left.Stride;
        nint depthStep = left.IsTransposed ? left.Stride : 1;
        for (int row = 0; row < result.Rows; row++)
        {
            float* factors = left.Address + (row * rowStep);
            float sum = 0;
            for (int k = 0; k < left.Columns; k++)
            {
                sum = MathF.FusedMultiplyAdd(factors[k * depthStep], right.Row(k)[column], sum);
            }

            float* into = result.Row(row) + column;
            *into = keep ? *into + sum : sum;
        }
    }

    /// <summary>A number that the compiler knows, so that each block's code has its own rows and vectors only.</summary>
    private interface ICount
    {
        static abstract int Count { get; }
    }

    private readonly struct One : ICount
    {
        public static int Count => 1;
    }

    private readonly struct Two : ICount
    {
        public static int Count => 2;
    }

    private readonly struct Three : ICount
    {
        public static int Count => 3;
    }

    private readonly struct Four : ICount
    {
        public static int Count => 4;
    }

    private readonly struct Five : ICount
    {
        public static int Count => 5;
    }

    private readonly struct Six : ICount
    {
        public static int Count => 6;
    }
}
