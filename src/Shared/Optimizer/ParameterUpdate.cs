using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Shared;

/// <summary>What an update reads and writes, each buffer as long as a <see cref="ParameterLayout"/> and laid out as
/// that says.</summary>
/// <param name="Parameters">θ.</param>
/// <param name="Moments">What the optimizer keeps of each parameter, as <see cref="OptimizerSettings.Moments"/> lists
/// them.</param>
public sealed record UpdateBuffers(FloatBuffer Parameters, params IReadOnlyList<FloatBuffer> Moments);

/// <summary>
/// The update of all parameters by an optimizer. It is dense: embedding rows that the gradient lacks have gradient
/// zero, and moments and weight decay act on them as on all others. Every element is computed alone, in blocks whose
/// bounds depend on the layout only, so the bits depend neither on threads nor on the machine's vectors.
/// </summary>
public static unsafe class ParameterUpdate
{
    private const int BlockFloats = 1 << 16;

    /// <summary>Computes update number <paramref name="number"/>.</summary>
    /// <param name="settings">The optimizer; its schedule and clipping are not looked at.</param>
    /// <param name="learningRate">Of this update.</param>
    /// <param name="number">Number of this update, from 1.</param>
    /// <param name="gradient">Sum over the step's tokens; not the identity.</param>
    /// <param name="scale">What makes the update's gradient of the sum: the clip factor divided by the number of
    /// tokens.</param>
    /// <param name="current">State before the update.</param>
    /// <param name="next">Receives the state after it; any of its buffers may be the one of
    /// <paramref name="current"/>.</param>
    /// <param name="degree">Most threads to use.</param>
    public static void Apply(
        OptimizerSettings settings,
        double learningRate,
        long number,
        Gradient gradient,
        float scale,
        UpdateBuffers current,
        UpdateBuffers next,
        int degree)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(current);
        ArgumentNullException.ThrowIfNull(next);
        ArgumentOutOfRangeException.ThrowIfLessThan(number, 1);
        if (gradient.IsIdentity)
        {
            throw new ArgumentException("a step without tokens has no gradient to follow", nameof(gradient));
        }

        CheckBuffers(settings, gradient.Layout, current, nameof(current));
        CheckBuffers(settings, gradient.Layout, next, nameof(next));
        if (settings.Kind == OptimizerKind.Sgd)
        {
            Run(new Sgd(settings, learningRate), gradient, scale, current, next, degree);
        }
        else
        {
            Run(new Adam(settings, learningRate, number), gradient, scale, current, next, degree);
        }
    }

    private static void CheckBuffers(
        OptimizerSettings settings, ParameterLayout layout, UpdateBuffers state, string name)
    {
        if (state.Moments.Count != settings.Moments.Count ||
            state.Moments.Append(state.Parameters).Any(buffer => buffer.Length != layout.BufferLength))
        {
            throw new ArgumentException(
                $"the optimizer's buffers are not those of a model with {layout.Length} parameters", name);
        }
    }

    private static void Run<TFormula>(
        TFormula formula, Gradient gradient, float scale, UpdateBuffers current, UpdateBuffers next, int degree)
        where TFormula : struct, IUpdateFormula
    {
        var kernel = new Kernel<TFormula>(formula, scale, current, next);
        ParameterLayout layout = gradient.Layout;
        int rows = layout.EmbeddingRows;
        int dense = layout.Length - layout.DenseStart;
        int blockRows = Math.Max(1, BlockFloats / layout.Embedding.Shape[1]);
        int rowBlocks = FixedBlocks.CountOf(rows, blockRows);
        int denseBlocks = FixedBlocks.CountOf(dense, BlockFloats);
        FixedBlocks.ForEach(rowBlocks + denseBlocks, degree, block =>
        {
            if (block < rowBlocks)
            {
                int firstRow = block * blockRows;
                UpdateRows(kernel, gradient, firstRow, Math.Min(rows, firstRow + blockRows));
                return;
            }

            int first = (block - rowBlocks) * BlockFloats;
            int count = Math.Min(BlockFloats, dense - first);
            kernel.Update(layout.DenseStart + first, count, gradient.Dense.Address + first);
        });
        GC.KeepAlive(current);
        GC.KeepAlive(next);
    }

    private static void UpdateRows<TFormula>(
        Kernel<TFormula> kernel, Gradient gradient, int firstRow, int endRow)
        where TFormula : struct, IUpdateFormula
    {
        int dimension = gradient.Layout.Embedding.Shape[1];
        ReadOnlySpan<int> ids = gradient.RowIds.AsSpan(0, gradient.RowCount);
        int index = ids.BinarySearch(firstRow);
        index = index < 0 ? ~index : index;
        int row = firstRow;
        while (row < endRow)
        {
            int nextPresent = index < ids.Length ? Math.Min(ids[index], endRow) : endRow;
            kernel.Update(row * dimension, (nextPresent - row) * dimension, null);
            row = nextPresent;
            if (row < endRow)
            {
                kernel.Update(row * dimension, dimension, gradient.Rows.Address + ((long)index * dimension));
                index++;
                row++;
            }
        }
    }

    /// <summary>A formula over stretches of the flat buffers.</summary>
    private sealed class Kernel<TFormula>(TFormula formula, float scale, UpdateBuffers current, UpdateBuffers next)
        where TFormula : struct, IUpdateFormula
    {
        private readonly float* _parameters = current.Parameters.Address;
        private readonly float* _first = MomentOf(current, 0);
        private readonly float* _second = MomentOf(current, 1);
        private readonly float* _nextParameters = next.Parameters.Address;
        private readonly float* _nextFirst = MomentOf(next, 0);
        private readonly float* _nextSecond = MomentOf(next, 1);

        /// <summary>Updates elements [offset, offset + count); a null <paramref name="gradient"/> is zero
        /// everywhere.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Update(int offset, int count, float* gradient)
        {
            int whole = Lanes.WholeVectors(count);
            for (int i = 0; i < whole; i += Lanes.Count)
            {
                Update(offset + i, Lanes.Count, gradient, i);
            }

            if (whole < count)
            {
                Update(offset + whole, count - whole, gradient, whole);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Update(int at, int lanes, float* gradient, int gradientAt)
        {
            Vector512<float> mean = Load(gradient, gradientAt, lanes) * Vector512.Create(scale);
            Vector512<float> parameter = Load(_parameters, at, lanes);
            Vector512<float> first = Load(_first, at, lanes);
            Vector512<float> second = Load(_second, at, lanes);
            formula.Apply(mean, ref parameter, ref first, ref second);
            Store(parameter, _nextParameters, at, lanes);
            Store(first, _nextFirst, at, lanes);
            Store(second, _nextSecond, at, lanes);
        }

        /// <summary>The buffer of a moment; null where the optimizer has no such one.</summary>
        private static float* MomentOf(UpdateBuffers state, int index) =>
            index < state.Moments.Count ? state.Moments[index].Address : null;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<float> Load(float* buffer, int at, int lanes) =>
            buffer == null ? Vector512<float>.Zero
            : lanes == Lanes.Count ? Vector512.Load(buffer + at)
            : Lanes.LoadPartial(buffer + at, lanes);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Store(Vector512<float> value, float* buffer, int at, int lanes)
        {
            if (buffer == null)
            {
                return;
            }

            if (lanes == Lanes.Count)
            {
                value.Store(buffer + at);
            }
            else
            {
                Lanes.StorePartial(value, buffer + at, lanes);
            }
        }
    }
}

/// <summary>The formula of an optimizer in the order of operations of the PyTorch optimizer of its name, each operation
/// rounded to float32 on its own. Scalars are formed in double and rounded once, as PyTorch does.</summary>
internal interface IUpdateFormula
{
    /// <summary>Updates sixteen parameters.</summary>
    /// <param name="gradient">Of the step, scaled.</param>
    /// <param name="parameter">Before and after the update.</param>
    /// <param name="first">The first moment likewise; zero where there is none.</param>
    /// <param name="second">The second moment likewise.</param>
    void Apply(
        Vector512<float> gradient,
        ref Vector512<float> parameter,
        ref Vector512<float> first,
        ref Vector512<float> second);
}
