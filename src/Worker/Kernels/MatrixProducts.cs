using System.Runtime.CompilerServices;

namespace RnnLm.Worker;

/// <summary>
/// Matrix products by libtorch's <c>addmm_</c>, for one thread, which libtorch is told to use alone: a product's bits depend
/// on its operands only. The tensors that libtorch wants are views of our buffers; making one costs more than
/// looking it up, so the views of the matrices met so far are kept.
/// </summary>
internal sealed class MatrixProducts : IDisposable
{
    /// <summary>Views kept; shards of ever new lengths would keep views without end.</summary>
    private const int MostViews = 8192;

    /// <summary>The whole buffers as tensors of one dimension, for all threads.</summary>
    private static readonly ConditionalWeakTable<FloatBuffer, Tensor> Buffers = [];

    private readonly Dictionary<Matrix, Tensor> _views = [];

    /// <summary>Holds libtorch to the calling thread, for products of that thread.</summary>
    public MatrixProducts() => set_num_threads(1);

    /// <summary>result = left · right + keep · result, where keep is 0 (the old contents are ignored, even when not a number) or 1.</summary>
    /// <param name="left">(m, k), possibly transposed.</param>
    /// <param name="right">(k, n), possibly transposed.</param>
    /// <param name="result">(m, n), not transposed.</param>
    /// <param name="keep">Factor of the old contents.</param>
    public void Multiply(Matrix left, Matrix right, Matrix result, float keep = 0)
    {
        if (left.Rows != result.Rows || left.Columns != right.Rows || right.Columns != result.Columns || result.IsTransposed)
        {
            throw new ArgumentException(
                $"({left.Rows}, {left.Columns}) times ({right.Rows}, {right.Columns}) into ({result.Rows}, {result.Columns})",
                nameof(result));
        }

        if (_views.Count > MostViews)
        {
            Dispose();
        }

        if (left.Columns == 0 && keep == 0)
        {
            result.Clear();
        }
        else if (left.Columns > 0 && result.Rows > 0 && result.Columns > 0)
        {
            ViewOf(result).addmm_(ViewOf(left), ViewOf(right), keep, 1);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var view in _views.Values)
        {
            view.Dispose();
        }

        _views.Clear();
    }

    private Tensor ViewOf(Matrix matrix)
    {
        if (_views.TryGetValue(matrix, out var known))
        {
            return known;
        }

        var view = NewView(matrix);
        _views.Add(matrix, view);
        return view;
    }

    private static unsafe Tensor NewView(Matrix matrix)
    {
        long first = matrix.Address - matrix.Buffer.Address;
        long[] strides = matrix.IsTransposed ? [1, matrix.Stride] : [matrix.Stride, 1];
        var view = Buffers.GetValue(matrix.Buffer, Wrap).as_strided([matrix.Rows, matrix.Columns], strides, first);
        return view.DetachFromDisposeScope();
    }

    private static Tensor Wrap(FloatBuffer buffer) =>
        frombuffer(buffer.Array, float32, buffer.Length, buffer.Offset).DetachFromDisposeScope();
}
