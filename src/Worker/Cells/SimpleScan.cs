using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Worker;

/// <summary>
/// h_t = act(x_t·W + h_{t-1}·U + b) over a packed batch, and back-propagation through time. The steps depend on each
/// other only through h·U; all else is one product over all rows.
/// </summary>
/// <param name="isTorch">Whether the parameters are PyTorch's, W_ih = Wᵀ, W_hh = Uᵀ and two biases, or Elman's, U, W
/// and b.</param>
/// <param name="isRelu">ReLU instead of tanh.</param>
internal sealed unsafe class SimpleScan(bool isTorch, bool isRelu = false) : LayerScan
{
    private readonly PackedMatrix _w = new();
    private readonly PackedMatrix _u = new();
    private readonly PackedMatrix _transposedW = new();
    private readonly PackedMatrix _transposedU = new();
    private readonly GrowingBuffer _bias = new();
    private readonly GrowingBuffer _room = new();

    /// <inheritdoc/>
    public override void Load(Matrix[] parameters)
    {
        (Matrix w, Matrix u) = WeightsOf(parameters);
        _w.Load(w);
        _u.Load(u);
        _transposedW.Load(w.T);
        _transposedU.Load(u.T);
        Matrix bias = _bias.AsMatrix(1, u.Columns);
        Lanes.Copy(parameters[2].Address, bias.Address, bias.Columns);
        if (isTorch)
        {
            Lanes.Add(bias.Address, parameters[3].Address, bias.Columns);
        }
    }

    /// <inheritdoc/>
    public override void Forward(PackedBatch batch, Matrix inputs, Matrix first, Matrix outputs)
    {
        MatrixProducts.Multiply(inputs, _w, outputs);
        foreach (var step in StepsOf(batch))
        {
            Matrix rows = outputs.RowRange(step.First, step.Size);
            Matrix before = Before(step, outputs, first);
            if (before.Rows > 0)
            {
                MatrixProducts.Multiply(before, _u, rows, keep: true);
            }

            Activate(rows, _bias.Address);
        }
    }

    /// <inheritdoc/>
    public override void Backward(
        PackedBatch batch,
        Matrix inputs,
        Matrix first,
        Matrix outputs,
        Matrix outputGradient,
        Matrix[] gradients,
        Matrix inputGradient)
    {
        var steps = StepsOf(batch);
        for (int t = steps.Count - 1; t >= 0; t--)
        {
            var step = steps[t];
            ActivateBackward(
                outputGradient.RowRange(step.First, step.Size), outputs.RowRange(step.First, step.Size));
            if (!step.IsFirst)
            {
                MatrixProducts.Multiply(
                    outputGradient.RowRange(step.First, step.Size),
                    _transposedU,
                    outputGradient.RowRange(step.PreviousFirst, step.Size),
                    keep: true);
            }
        }

        var (before, after) = Predecessors(steps, outputs, first, outputGradient, _room);
        (Matrix w, Matrix u) = (gradients[isTorch ? 0 : 1], gradients[isTorch ? 1 : 0]);
        RowKernels.ColumnSums(outputGradient, gradients[2].Address);
        if (isTorch)
        {
            MatrixProducts.Multiply(outputGradient.T, inputs, w);
            MatrixProducts.Multiply(after.T, before, u);
            Lanes.Copy(gradients[2].Address, gradients[3].Address, gradients[2].Columns);
        }
        else
        {
            MatrixProducts.Multiply(inputs.T, outputGradient, w);
            MatrixProducts.Multiply(before.T, after, u);
        }

        MatrixProducts.Multiply(outputGradient, _transposedW, inputGradient);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _w.Dispose();
        _u.Dispose();
        _transposedW.Dispose();
        _transposedU.Dispose();
        _bias.Dispose();
        _room.Dispose();
    }

    /// <summary>W (I, D) and U (D, D).</summary>
    private (Matrix W, Matrix U) WeightsOf(Matrix[] parameters) =>
        isTorch ? (parameters[0].T, parameters[1].T) : (parameters[1], parameters[0]);

    private void Activate(Matrix rows, float* bias)
    {
        if (isRelu)
        {
            RowKernels.AddBiasAndApply<Rectifier>(rows, bias);
        }
        else
        {
            RowKernels.AddBiasAndApply<HyperbolicTangent>(rows, bias);
        }
    }

    private void ActivateBackward(Matrix gradient, Matrix output)
    {
        if (isRelu)
        {
            ReluBackward(gradient, output);
        }
        else
        {
            RowKernels.TanhBackward(gradient, output);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ReluBackward(Matrix gradient, Matrix output)
    {
        for (int row = 0; row < gradient.Rows; row++)
        {
            float* slope = gradient.Row(row);
            float* value = output.Row(row);
            for (int i = 0; i < gradient.Columns; i++)
            {
                slope[i] = value[i] == 0 ? 0 : slope[i];
            }
        }
    }
}

/// <summary>The larger of x and 0, of sixteen floats; NaN gives NaN, which a maximum would hide.</summary>
internal readonly struct Rectifier : IElementaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> x) =>
        Vector512.AndNot(x, Vector512.LessThan(x, Vector512<float>.Zero));
}
