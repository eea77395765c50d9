using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Worker;

/// <summary>
/// Matrix products on the calling thread. Every element of a result is one chain of fused multiply-adds over the inner
/// dimension, first term first, whatever blocks it is computed in: a product's bits depend on its operands alone,
/// neither on
/// a library nor on the machine's vectors. At the sizes of a shard these blocks are also faster than libtorch's
/// products (bench/README.md).
/// </summary>
/// <remarks>
/// A block of the result stays in registers: rows of it times a few vectors of columns. Where those are few, the right
/// operand's part that all blocks of these columns read is copied together, so that the nearest cache holds it (Goto
/// and
/// van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008).
/// </remarks>
internal static unsafe class MatrixProducts
{
    /// <summary>Rows of a block.</summary>
    private const int BlockRows = 6;

    /// <summary>Terms that are added to all chains before the next terms' turn.</summary>
    private const int BlockDepth = 512;

    /// <summary>Rows from which on a copy of the right operand's sixteen columns pays.</summary>
    private const int RowsWorthACopy = 48;

    /// <summary>Columns of a block that fills the registers, where those have 512 bits.</summary>
    private const int WideColumns = 4 * Lanes.Count;

    /// <summary>
    /// result = keep · result + left · right, where keep is 0 (the old contents are ignored, even when not a number) or
    /// 1.
    /// </summary>
    /// <param name="left">(m, k), possibly transposed.</param>
    /// <param name="right">(k, n), not transposed.</param>
    /// <param name="result">(m, n), not transposed.</param>
    /// <param name="keep">Whether the chains begin with the old contents; with zero otherwise.</param>
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

        if (left.Columns == 0 && !keep)
        {
            result.Clear();
        }

        float* copy = stackalloc float[BlockDepth * Lanes.Count];
        for (int first = 0; first < left.Columns; first += BlockDepth)
        {
            int depth = Math.Min(BlockDepth, left.Columns - first);
            bool continues = keep || first > 0;
            int column = 0;
            if (Vector512.IsHardwareAccelerated)
            {
                for (; column + WideColumns <= result.Columns; column += WideColumns)
                {
                    MultiplyColumns<Four>(left, right, result, first, depth, column, copy, continues);
                }
            }

            for (; column + Lanes.Count <= result.Columns; column += Lanes.Count)
            {
                MultiplyColumns<One>(left, right, result, first, depth, column, copy, continues);
            }

            for (; column < result.Columns; column++)
            {
                MultiplyColumn(left, right, result, first, depth, column, continues);
            }
        }
    }

    /// <summary>A block's columns (a number of vectors of sixteen) from the first row to the last.</summary>
    private static void MultiplyColumns<TVectors>(
        Matrix left, Matrix right, Matrix result, int first, int depth, int column, float* copy, bool keep)
        where TVectors : struct, ICount
    {
        float* values = right.Row(first) + column;
        nint stride = right.Stride;
        if (TVectors.Count == 1 && result.Rows >= RowsWorthACopy)
        {
            for (int k = 0; k < depth; k++)
            {
                Lanes.Copy(values + (k * stride), copy + (k * Lanes.Count), Lanes.Count);
            }

            values = copy;
            stride = Lanes.Count;
        }

        nint rowStep = left.IsTransposed ? 1 : left.Stride;
        nint depthStep = left.IsTransposed ? left.Stride : 1;
        float* factors = left.Address + (first * depthStep);
        for (int row = 0; row < result.Rows; row += BlockRows)
        {
            var block = new Block
            {
                Depth = depth,
                Left = factors + (row * rowStep),
                RowStep = rowStep,
                DepthStep = depthStep,
                Right = values,
                RightStride = stride,
                Result = result.Row(row) + column,
                ResultStride = result.Stride,
                Keep = keep,
            };
            switch (result.Rows - row)
            {
                case 1: Add<One, TVectors>(in block); break;
                case 2: Add<Two, TVectors>(in block); break;
                case 3: Add<Three, TVectors>(in block); break;
                case 4: Add<Four, TVectors>(in block); break;
                case 5: Add<Five, TVectors>(in block); break;
                default: Add<Six, TVectors>(in block); break;
            }
        }
    }

    private static void Add<TRows, TVectors>(in Block block)
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Add512<TRows, TVectors>(in block);
        }
        else
        {
            Add256<TRows>(in block);
        }
    }

    /// <summary>Up to six rows times one or four vectors of sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add512<TRows, TVectors>(in Block block)
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        float* left = block.Left;
        float* right = block.Right;
        float* result = block.Result;
        nint rowStep = block.RowStep;
        nint resultStride = block.ResultStride;
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default;
        Vector512<float> b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default;
        Vector512<float> d0 = default, d1 = default, d2 = default, d3 = default;
        Vector512<float> e0 = default, e1 = default, e2 = default, e3 = default;
        Vector512<float> f0 = default, f1 = default, f2 = default, f3 = default;
        if (block.Keep)
        {
            LoadRow<TVectors>(result, ref a0, ref a1, ref a2, ref a3);

            if (TRows.Count > 1)
            {
                LoadRow<TVectors>(result + resultStride, ref b0, ref b1, ref b2, ref b3);
            }

            if (TRows.Count > 2)
            {
                LoadRow<TVectors>(result + (2 * resultStride), ref c0, ref c1, ref c2, ref c3);
            }

            if (TRows.Count > 3)
            {
                LoadRow<TVectors>(result + (3 * resultStride), ref d0, ref d1, ref d2, ref d3);
            }

            if (TRows.Count > 4)
            {
                LoadRow<TVectors>(result + (4 * resultStride), ref e0, ref e1, ref e2, ref e3);
            }

            if (TRows.Count > 5)
            {
                LoadRow<TVectors>(result + (5 * resultStride), ref f0, ref f1, ref f2, ref f3);
            }
        }

        for (int k = 0; k < block.Depth; k++)
        {
            Vector512<float> v0 = Vector512.Load(right);
            Vector512<float> v1 = TVectors.Count > 1 ? Vector512.Load(right + 16) : default;
            Vector512<float> v2 = TVectors.Count > 1 ? Vector512.Load(right + 32) : default;
            Vector512<float> v3 = TVectors.Count > 1 ? Vector512.Load(right + 48) : default;
            AddRow<TVectors>(left[0], v0, v1, v2, v3, ref a0, ref a1, ref a2, ref a3);
            if (TRows.Count > 1)
            {
                AddRow<TVectors>(left[rowStep], v0, v1, v2, v3, ref b0, ref b1, ref b2, ref b3);
            }

            if (TRows.Count > 2)
            {
                AddRow<TVectors>(left[2 * rowStep], v0, v1, v2, v3, ref c0, ref c1, ref c2, ref c3);
            }

            if (TRows.Count > 3)
            {
                AddRow<TVectors>(left[3 * rowStep], v0, v1, v2, v3, ref d0, ref d1, ref d2, ref d3);
            }

            if (TRows.Count > 4)
            {
                AddRow<TVectors>(left[4 * rowStep], v0, v1, v2, v3, ref e0, ref e1, ref e2, ref e3);
            }

            if (TRows.Count > 5)
            {
                AddRow<TVectors>(left[5 * rowStep], v0, v1, v2, v3, ref f0, ref f1, ref f2, ref f3);
            }

            left += block.DepthStep;
            right += block.RightStride;
        }

        StoreRow<TVectors>(result, a0, a1, a2, a3);
        if (TRows.Count > 1)
        {
            StoreRow<TVectors>(result + resultStride, b0, b1, b2, b3);
        }

        if (TRows.Count > 2)
        {
            StoreRow<TVectors>(result + (2 * resultStride), c0, c1, c2, c3);
        }

        if (TRows.Count > 3)
        {
            StoreRow<TVectors>(result + (3 * resultStride), d0, d1, d2, d3);
        }

        if (TRows.Count > 4)
        {
            StoreRow<TVectors>(result + (4 * resultStride), e0, e1, e2, e3);
        }

        if (TRows.Count > 5)
        {
            StoreRow<TVectors>(result + (5 * resultStride), f0, f1, f2, f3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow<TVectors>(
        float factor, Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3,
        ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2, ref Vector512<float> s3)
        where TVectors : struct, ICount
    {
        Vector512<float> factors = Vector512.Create(factor);
        s0 = Vector512.FusedMultiplyAdd(factors, v0, s0);
        if (TVectors.Count > 1)
        {
            s1 = Vector512.FusedMultiplyAdd(factors, v1, s1);
            s2 = Vector512.FusedMultiplyAdd(factors, v2, s2);
            s3 = Vector512.FusedMultiplyAdd(factors, v3, s3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadRow<TVectors>(
        float* row, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2, ref Vector512<float> s3)
        where TVectors : struct, ICount
    {
        s0 = Vector512.Load(row);
        if (TVectors.Count > 1)
        {
            s1 = Vector512.Load(row + 16);
            s2 = Vector512.Load(row + 32);
            s3 = Vector512.Load(row + 48);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow<TVectors>(
        float* row, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3)
        where TVectors : struct, ICount
    {
        s0.Store(row);
        if (TVectors.Count > 1)
        {
            s1.Store(row + 16);
            s2.Store(row + 32);
            s3.Store(row + 48);
        }
    }

    /// <summary>Up to six rows times two vectors of eight: what sixteen registers of 256 bits hold.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add256<TRows>(in Block block)
        where TRows : struct, ICount
    {
        float* left = block.Left;
        float* right = block.Right;
        float* result = block.Result;
        nint rowStep = block.RowStep;
        nint resultStride = block.ResultStride;
        Vector256<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default;
        Vector256<float> d0 = default, d1 = default, e0 = default, e1 = default, f0 = default, f1 = default;
        if (block.Keep)
        {
            LoadRow(result, ref a0, ref a1);

            if (TRows.Count > 1)
            {
                LoadRow(result + resultStride, ref b0, ref b1);
            }

            if (TRows.Count > 2)
            {
                LoadRow(result + (2 * resultStride), ref c0, ref c1);
            }

            if (TRows.Count > 3)
            {
                LoadRow(result + (3 * resultStride), ref d0, ref d1);
            }

            if (TRows.Count > 4)
            {
                LoadRow(result + (4 * resultStride), ref e0, ref e1);
            }

            if (TRows.Count > 5)
            {
                LoadRow(result + (5 * resultStride), ref f0, ref f1);
            }
        }

        for (int k = 0; k < block.Depth; k++)
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

            left += block.DepthStep;
            right += block.RightStride;
        }

        StoreRow(result, a0, a1);
        if (TRows.Count > 1)
        {
            StoreRow(result + resultStride, b0, b1);
        }

        if (TRows.Count > 2)
        {
            StoreRow(result + (2 * resultStride), c0, c1);
        }

        if (TRows.Count > 3)
        {
            StoreRow(result + (3 * resultStride), d0, d1);
        }

        if (TRows.Count > 4)
        {
            StoreRow(result + (4 * resultStride), e0, e1);
        }

        if (TRows.Count > 5)
        {
            StoreRow(result + (5 * resultStride), f0, f1);
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
    private static void LoadRow(float* row, ref Vector256<float> s0, ref Vector256<float> s1)
    {
        s0 = Vector256.Load(row);
        s1 = Vector256.Load(row + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow(float* row, Vector256<float> s0, Vector256<float> s1)
    {
        s0.Store(row);
        s1.Store(row + 8);
    }

    /// <summary>One of the columns that fill no vector.</summary>
    private static void MultiplyColumn(
        Matrix left, Matrix right, Matrix result, int first, int depth, int column, bool keep)
    {
        nint rowStep = left.IsTransposed ? 1 : left.Stride;
        nint depthStep = left.IsTransposed ? left.Stride : 1;
        for (int row = 0; row < result.Rows; row++)
        {
            float* factors = left.Address + (row * rowStep);
            float* into = result.Row(row) + column;
            float sum = keep ? *into : 0;
            for (int k = first; k < first + depth; k++)
            {
                sum = MathF.FusedMultiplyAdd(factors[k * depthStep], right.Row(k)[column], sum);
            }

            *into = sum;
        }
    }

    /// <summary>What a block reads and writes: (rows, depth) · (depth, columns), added to (rows, columns) or
    /// kept.</summary>
    private ref struct Block
    {
        public required int Depth;
        public required float* Left;
        public required nint RowStep;
        public required nint DepthStep;
        public required float* Right;
        public required nint RightStride;
        public required float* Result;
        public required nint ResultStride;
        public required bool Keep;
    }

    /// <summary>A number that the compiler knows, so that each block's code has its own rows and vectors
    /// only.</summary>
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
