using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Shared;

/// <summary>
/// Dense Adam (Kingma and Ba, 2015) in the order of operations of PyTorch's <c>torch.optim.Adam</c>, each operation
/// rounded to float32 on its own. Embedding
/// rows that the gradient lacks have gradient zero: their moments decay and their parameters move. Every element is
/// computed
/// alone, so the bits depend neither on threads nor on the machine's vectors.
/// </summary>
public static unsafe class Adam
{
    private const int BlockFloats = 1 << 16;

    /// <summary>Computes update number <paramref name="step"/>.</summary>
    /// <param name="settings">Hyper-parameters.</param>
    /// <param name="step">Number of this update, from 1.</param>
    /// <param name="gradient">Sum over the step's tokens; not the identity.</param>
    /// <param name="scale">What makes the update's gradient of the sum: the clip factor divided by the number of
    /// tokens.</param>
    /// <param name="current">State before the update.</param>
    /// <param name="next">Receives the state after it; any of its buffers may be the one of
    /// <paramref name="current"/>.</param>
    /// <param name="degree">Most threads to use.</param>
    public static void Update(
        AdamSettings settings, long step, Gradient gradient, float scale, AdamState current, AdamState next, int degree)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(current);
        ArgumentNullException.ThrowIfNull(next);
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        if (gradient.IsIdentity)
        {
            throw new ArgumentException("a step without tokens has no gradient to follow", nameof(gradient));
        }

        ParameterLayout layout = gradient.Layout;
        CheckLengths(layout, current, nameof(current));
        CheckLengths(layout, next, nameof(next));

        var kernel = new Kernel(settings, step, scale, current, next);
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

    private static void CheckLengths(ParameterLayout layout, AdamState state, string name)
    {
        FloatBuffer[] buffers = [state.Parameters, state.FirstMoment, state.SecondMoment];
        if (Array.Exists(buffers, buffer => buffer.Length != layout.BufferLength))
        {
            throw new ArgumentException(
                $"the optimizer's buffers are not those of a model with {layout.Length} parameters", name);
        }
    }

    private static void UpdateRows(Kernel kernel, Gradient gradient, int firstRow, int endRow)
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

    /// <summary>The formula with its constants, over stretches of the flat buffers.</summary>
    private sealed class Kernel
    {
        private readonly float _scale;
        private readonly float _beta1;
        private readonly float _oneMinusBeta1;
        private readonly float _beta2;
        private readonly float _oneMinusBeta2;
        private readonly float _secondCorrectionRoot;
        private readonly float _epsilon;
        private readonly float _minusStepSize;
        private readonly float* _parameters;
        private readonly float* _first;
        private readonly float* _second;
        private readonly float* _nextParameters;
        private readonly float* _nextFirst;
        private readonly float* _nextSecond;

        public Kernel(AdamSettings settings, long step, float scale, AdamState current, AdamState next)
        {
            // Scalars are formed in double and rounded once, as PyTorch does.
            _scale = scale;
            _beta1 = (float)settings.Beta1;
            _oneMinusBeta1 = (float)(1 - settings.Beta1);
            _beta2 = (float)settings.Beta2;
            _oneMinusBeta2 = (float)(1 - settings.Beta2);
            _secondCorrectionRoot = (float)Math.Sqrt(1 - Math.Pow(settings.Beta2, step));
            _epsilon = (float)settings.Epsilon;
            _minusStepSize = (float)-(settings.LearningRate / (1 - Math.Pow(settings.Beta1, step)));
            _parameters = current.Parameters.Address;
            _first = current.FirstMoment.Address;
            _second = current.SecondMoment.Address;
            _nextParameters = next.Parameters.Address;
            _nextFirst = next.FirstMoment.Address;
            _nextSecond = next.SecondMoment.Address;
        }

        /// <summary>Updates elements [offset, offset + count); a null <paramref name="gradient"/> is zero
        /// everywhere.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Update(int offset, int count, float* gradient)
        {
            int whole = Lanes.WholeVectors(count);
            for (int i = 0; i < whole; i += Lanes.Count)
            {
                int at = offset + i;
                Vector512<float> slope = gradient == null ? Vector512<float>.Zero : Vector512.Load(gradient + i);
                Vector512<float> parameter = Vector512.Load(_parameters + at);
                Vector512<float> first = Vector512.Load(_first + at);
                Vector512<float> second = Vector512.Load(_second + at);
                Apply(slope, ref parameter, ref first, ref second);
                parameter.Store(_nextParameters + at);
                first.Store(_nextFirst + at);
                second.Store(_nextSecond + at);
            }

            int rest = count - whole;
            if (rest > 0)
            {
                int at = offset + whole;
                Vector512<float> slope =
                    gradient == null ? Vector512<float>.Zero : Lanes.LoadPartial(gradient + whole, rest);
                Vector512<float> parameter = Lanes.LoadPartial(_parameters + at, rest);
                Vector512<float> first = Lanes.LoadPartial(_first + at, rest);
                Vector512<float> second = Lanes.LoadPartial(_second + at, rest);
                Apply(slope, ref parameter, ref first, ref second);
                Lanes.StorePartial(parameter, _nextParameters + at, rest);
                Lanes.StorePartial(first, _nextFirst + at, rest);
                Lanes.StorePartial(second, _nextSecond + at, rest);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Apply(
            Vector512<float> slope,
            ref Vector512<float> parameter,
            ref Vector512<float> first,
            ref Vector512<float> second)
        {
            Vector512<float> scaled = slope * Vector512.Create(_scale);
            first = (first * Vector512.Create(_beta1)) + (scaled * Vector512.Create(_oneMinusBeta1));
            second = (second * Vector512.Create(_beta2)) + (scaled * Vector512.Create(_oneMinusBeta2) * scaled);
            Vector512<float> root = Vector512.Sqrt(second) / Vector512.Create(_secondCorrectionRoot);
            parameter += first * Vector512.Create(_minusStepSize) / (root + Vector512.Create(_epsilon));
        }
    }
}
