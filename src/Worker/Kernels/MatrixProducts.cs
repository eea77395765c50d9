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

    /// <summary>Adds a block of up to six rows and one or four vectors of sixteen columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<TRows, TVectors>(in Block block)
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        float* left = block.Left;
        float* right = block.Right;
        nint step = block.RowStep;
        Row<TVectors> r0 = default, r1 = default, r2 = default, r3 = default, r4 = default, r5 = default;
        if (block.Keep)
        {
            float* old = block.Result;
            r0.Load(old);
            if (TRows.Count > 1) { r1.Load(old += block.ResultStride); }
            if (TRows.Count > 2) { r2.Load(old += block.ResultStride); }
            if (TRows.Count > 3) { r3.Load(old += block.ResultStride); }
            if (TRows.Count > 4) { r4.Load(old += block.ResultStride); }
            if (TRows.Count > 5) { r5.Load(old + block.ResultStride); }
        }

        for (int k = 0; k < block.Depth; k++)
        {
            Row<TVectors> values = default;
            values.Load(right);
            r0.Add(left[0], values);
            if (TRows.Count > 1) { r1.Add(left[step], values); }
            if (TRows.Count > 2) { r2.Add(left[2 * step], values); }
            if (TRows.Count > 3) { r3.Add(left[3 * step], values); }
            if (TRows.Count > 4) { r4.Add(left[4 * step], values); }
            if (TRows.Count > 5) { r5.Add(left[5 * step], values); }
            left += block.DepthStep;
            right += block.RightStride;
        }

        float* result = block.Result;
        r0.Store(result);
        if (TRows.Count > 1) { r1.Store(result += block.ResultStride); }
        if (TRows.Count > 2) { r2.Store(result += block.ResultStride); }
        if (TRows.Count > 3) { r3.Store(result += block.ResultStride); }
        if (TRows.Count > 4) { r4.Store(result += block.ResultStride); }
        if (TRows.Count > 5) { r5.Store(result + block.ResultStride); }
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

    /// <summary>One or four vectors of sixteen floats that follow each other.</summary>
    private struct Row<TVectors>
        where TVectors : struct, ICount
    {
        private Vector512<float> _v0;
        private Vector512<float> _v1;
        private Vector512<float> _v2;
        private Vector512<float> _v3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Load(float* address)
        {
            _v0 = Vector512.Load(address);
            if (TVectors.Count > 1)
            {
                _v1 = Vector512.Load(address + 16);
                _v2 = Vector512.Load(address + 32);
                _v3 = Vector512.Load(address + 48);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(float* address)
        {
            _v0.Store(address);
            if (TVectors.Count > 1)
            {
                _v1.Store(address + 16);
                _v2.Store(address + 32);
                _v3.Store(address + 48);
            }
        }

        /// <summary>this ← factor · values + this, each rounded once.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(float factor, in Row<TVectors> values)
        {
            Vector512<float> factors = Vector512.Create(factor);
            _v0 = Vector512.FusedMultiplyAdd(factors, values._v0, _v0);
            if (TVectors.Count > 1)
            {
                _v1 = Vector512.FusedMultiplyAdd(factors, values._v1, _v1);
                _v2 = Vector512.FusedMultiplyAdd(factors, values._v2, _v2);
                _v3 = Vector512.FusedMultiplyAdd(factors, values._v3, _v3);
            }
        }
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
