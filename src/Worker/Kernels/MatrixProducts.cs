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
            for (int column = 0, width; column < result.Columns; column += width)
            {
                width = GroupWidth(result.Columns - column);
                float* values = right.Row(first) + column;
                nint stride = right.Stride;
                if (width == Lanes.Count && result.Rows >= RowsWorthACopy)
                {
                    for (int k = 0; k < depth; k++)
                    {
                        Lanes.Copy(values + (k * stride), copy + (k * Lanes.Count), Lanes.Count);
                    }

                    values = copy;
                    stride = Lanes.Count;
                }

                MultiplyColumns(left, values, stride, result, first, depth, column, width, continues);
            }
        }
    }

    /// <summary>The same with a right operand (k, n) that was packed for it.</summary>
    /// <inheritdoc cref="Multiply(Matrix, Matrix, Matrix, bool)"/>
    public static void Multiply(Matrix left, PackedMatrix right, Matrix result, bool keep = false)
    {
        if (left.Rows != result.Rows || left.Columns != right.Rows || right.Columns != result.Columns ||
            result.IsTransposed)
        {
            throw new ArgumentException(
                $"({left.Rows}, {left.Columns}) times ({right.Rows}, {right.Columns}) " +
                $"into ({result.Rows}, {result.Columns})",
                nameof(result));
        }

        for (int first = 0; first < left.Columns; first += BlockDepth)
        {
            int depth = Math.Min(BlockDepth, left.Columns - first);
            for (int column = 0, width; column < result.Columns; column += width)
            {
                width = GroupWidth(result.Columns - column);
                float* values = right.Group(column) + (first * width);
                MultiplyColumns(left, values, width, result, first, depth, column, width, keep || first > 0);
            }
        }
    }

    /// <summary>How many of the columns that are left are computed together.</summary>
    public static int GroupWidth(int columnsLeft) =>
        columnsLeft >= WideColumns && Vector512.IsHardwareAccelerated ? WideColumns
            : Math.Min(columnsLeft, Lanes.Count);

    /// <summary>A group of columns from the first row to the last.</summary>
    private static void MultiplyColumns(
        Matrix left, float* right, nint stride, Matrix result, int first, int depth, int column, int width, bool keep)
    {
        if (width == WideColumns)
        {
            MultiplyRows<Wide>(left, right, stride, result, first, depth, column, keep);
        }
        else if (width == Lanes.Count && Vector512.IsHardwareAccelerated)
        {
            MultiplyRows<Whole>(left, right, stride, result, first, depth, column, keep);
        }
        else if (width == Lanes.Count)
        {
            MultiplyRows<Halves>(left, right, stride, result, first, depth, column, keep);
        }
        else
        {
            for (int rest = 0; rest < width; rest++)
            {
                MultiplyColumn(left, right + rest, stride, result, first, depth, column + rest, keep);
            }
        }
    }

    private static void MultiplyRows<TRow>(
        Matrix left, float* right, nint stride, Matrix result, int first, int depth, int column, bool keep)
        where TRow : struct, IRow<TRow>
    {
        nint rowStep = left.IsTransposed ? 1 : left.Stride;
        nint depthStep = left.IsTransposed ? left.Stride : 1;
        float* factors = left.Address + (first * depthStep);
        for (int row = 0, count; row < result.Rows; row += count)
        {
            // The last two blocks share what is left: one of two rows would wait for its operands.
            int rows = result.Rows - row;
            count = rows >= 2 * BlockRows ? BlockRows : rows > BlockRows ? (rows + 1) / 2 : rows;
            var block = new Block
            {
                Depth = depth,
                Left = factors + (row * rowStep),
                RowStep = rowStep,
                DepthStep = depthStep,
                Right = right,
                RightStride = stride,
                Result = result.Row(row) + column,
                ResultStride = result.Stride,
                Keep = keep,
            };
            switch (count)
            {
                case 1: Add<One, TRow>(in block); break;
                case 2: Add<Two, TRow>(in block); break;
                case 3: Add<Three, TRow>(in block); break;
                case 4: Add<Four, TRow>(in block); break;
                case 5: Add<Five, TRow>(in block); break;
                default: Add<Six, TRow>(in block); break;
            }
        }
    }

    /// <summary>Adds a block of up to six rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<TRows, TRow>(in Block block)
        where TRows : struct, ICount
        where TRow : struct, IRow<TRow>
    {
        float* left = block.Left;
        float* right = block.Right;
        nint step = block.RowStep;
        TRow r0 = default, r1 = default, r2 = default, r3 = default, r4 = default, r5 = default;
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

        nint depthStep = block.DepthStep, rightStride = block.RightStride;
        for (int k = block.Depth; k > 0; k--)
        {
            TRow values = default;
            values.Load(right);
            r0.Add(left[0], values);
            if (TRows.Count > 1) { r1.Add(left[step], values); }
            if (TRows.Count > 2) { r2.Add(left[2 * step], values); }
            if (TRows.Count > 3) { r3.Add(left[3 * step], values); }
            if (TRows.Count > 4) { r4.Add(left[4 * step], values); }
            if (TRows.Count > 5) { r5.Add(left[5 * step], values); }
            left += depthStep;
            right += rightStride;
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
        Matrix left, float* right, nint stride, Matrix result, int first, int depth, int column, bool keep)
    {
        nint rowStep = left.IsTransposed ? 1 : left.Stride;
        nint depthStep = left.IsTransposed ? left.Stride : 1;
        for (int row = 0; row < result.Rows; row++)
        {
            float* factors = left.Address + (row * rowStep);
            float* into = result.Row(row) + column;
            float sum = keep ? *into : 0;
            for (int k = 0; k < depth; k++)
            {
                sum = MathF.FusedMultiplyAdd(factors[(first + k) * depthStep], right[k * stride], sum);
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

    /// <summary>A block's part of a row: columns that follow each other, in registers.</summary>
    private interface IRow<TSelf>
        where TSelf : struct, IRow<TSelf>
    {
        void Load(float* address);

        void Store(float* address);

        /// <summary>this ← factor · values + this, each rounded once.</summary>
        void Add(float factor, in TSelf values);
    }

    /// <summary>Sixteen columns where registers have 256 bits. A <see cref="Vector512{T}"/> is a pair of halves there,
    /// and .NET 10 moves each sum to another register and back: blocks of these take a third less time.</summary>
    private struct Halves : IRow<Halves>
    {
        private Vector256<float> _v0;
        private Vector256<float> _v1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Load(float* address)
        {
            _v0 = Vector256.Load(address);
            _v1 = Vector256.Load(address + 8);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(float* address)
        {
            _v0.Store(address);
            _v1.Store(address + 8);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(float factor, in Halves values)
        {
            Vector256<float> factors = Vector256.Create(factor);
            _v0 = Vector256.FusedMultiplyAdd(factors, values._v0, _v0);
            _v1 = Vector256.FusedMultiplyAdd(factors, values._v1, _v1);
        }
    }

    /// <summary>Sixteen columns where registers have 512 bits.</summary>
    private struct Whole : IRow<Whole>
    {
        private Vector512<float> _v0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Load(float* address) => _v0 = Vector512.Load(address);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(float* address) => _v0.Store(address);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(float factor, in Whole values) =>
            _v0 = Vector512.FusedMultiplyAdd(Vector512.Create(factor), values._v0, _v0);
    }

    /// <summary>Sixty-four columns where registers have 512 bits.</summary>
    private struct Wide : IRow<Wide>
    {
        private Vector512<float> _v0;
        private Vector512<float> _v1;
        private Vector512<float> _v2;
        private Vector512<float> _v3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Load(float* address)
        {
            _v0 = Vector512.Load(address);
            _v1 = Vector512.Load(address + 16);
            _v2 = Vector512.Load(address + 32);
            _v3 = Vector512.Load(address + 48);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(float* address)
        {
            _v0.Store(address);
            _v1.Store(address + 16);
            _v2.Store(address + 32);
            _v3.Store(address + 48);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(float factor, in Wide values)
        {
            Vector512<float> factors = Vector512.Create(factor);
            _v0 = Vector512.FusedMultiplyAdd(factors, values._v0, _v0);
            _v1 = Vector512.FusedMultiplyAdd(factors, values._v1, _v1);
            _v2 = Vector512.FusedMultiplyAdd(factors, values._v2, _v2);
            _v3 = Vector512.FusedMultiplyAdd(factors, values._v3, _v3);
        }
    }

    /// <summary>A number that the compiler knows, so that each block's code has its own rows only.</summary>
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
