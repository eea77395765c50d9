using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Worker;

/// <summary>
/// PyTorch's <c>nn.LSTM</c>: [i, f, g, o] = x·W_ihᵀ + b_ih + h·W_hhᵀ + b_hh, c' = σ(f)·c + σ(i)·tanh(g),
/// h' = σ(o)·tanh(c'); its state is [h, c]. Sources: Hochreiter, Schmidhuber, "Long Short-Term Memory", 1997, with the
/// forget gate of Gers, Schmidhuber, Cummins, 2000;
/// https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html.
/// </summary>
internal sealed class LstmCell() : Cell(TorchUnit.Declare("lstm", Gates, stateVectors: 2))
{
    private const int Gates = 4;

    /// <inheritdoc/>
    public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension) =>
        new Unit(inputs, dimension);

    /// <inheritdoc/>
    internal override Func<int, LayerScan> Scan => dimension => new LstmScan(dimension);

    /// <inheritdoc/>
    internal override Func<long, long, long, TorchLayers> Layers => (inputs, dimension, layers) =>
        new TorchLayers(nn.LSTM(inputs, dimension, layers, batchFirst: true), Declaration);

    private sealed class Unit(long inputs, long dimension) : TorchUnit(inputs, dimension, Gates)
    {
        public override Tensor forward(Tensor input1, Tensor input2)
        {
            Tensor[] state = input2.chunk(2, 1);
            Tensor[] gates = Of(input1, state[0]).chunk(Gates, 1);
            Tensor cell = Terms.Sum(gates[1].sigmoid() * state[1], gates[0].sigmoid() * gates[2].tanh());
            return cat([gates[3].sigmoid() * cell.tanh(), cell], 1);
        }
    }
}

/// <summary>The LSTM by hand.</summary>
/// <param name="dimension">D.</param>
internal sealed unsafe class LstmScan(int dimension) : LayerScan
{
    private readonly PackedMatrix _transposedIh = new();
    private readonly PackedMatrix _transposedHh = new();
    private readonly PackedMatrix _ih = new();
    private readonly PackedMatrix _hh = new();

    /// <summary>b_ih + b_hh (4 D).</summary>
    private readonly GrowingBuffer _bias = new();

    /// <summary>i, f, g and o of each row after their functions (R, 4 D); then the gradients before them.</summary>
    private readonly GrowingBuffer _gates = new();

    /// <summary>c of each row (R, D).</summary>
    private readonly GrowingBuffer _cells = new();

    /// <summary>tanh c of each row (R, D).</summary>
    private readonly GrowingBuffer _tanhCells = new();

    /// <summary>Gradient of c of the step before (examples, D).</summary>
    private readonly GrowingBuffer _cellGradient = new();
    private readonly GrowingBuffer _room = new();

    /// <inheritdoc/>
    public override void Load(Matrix[] parameters)
    {
        _ih.Load(parameters[0]);
        _hh.Load(parameters[1]);
        _transposedIh.Load(parameters[0].T);
        _transposedHh.Load(parameters[1].T);
        Matrix bias = _bias.AsMatrix(1, parameters[2].Columns);
        Lanes.Copy(parameters[2].Address, bias.Address, bias.Columns);
        Lanes.Add(bias.Address, parameters[3].Address, bias.Columns);
    }

    /// <inheritdoc/>
    public override void Forward(PackedBatch batch, Matrix inputs, Matrix first, Matrix outputs)
    {
        Matrix gates = _gates.AsSpacedMatrix(outputs.Rows, 4 * dimension);
        Matrix cells = _cells.AsMatrix(outputs.Rows, dimension);
        Matrix tanhCells = _tanhCells.AsMatrix(outputs.Rows, dimension);
        MatrixProducts.Multiply(inputs, _transposedIh, gates);
        foreach (var step in StepsOf(batch))
        {
            Matrix rows = gates.RowRange(step.First, step.Size);
            Matrix before = Before(step, outputs, first);
            if (before.Rows > 0)
            {
                MatrixProducts.Multiply(before, _transposedHh, rows, keep: true);
            }

            Apply<Sigmoid>(rows, first: 0, count: 2);
            Apply<HyperbolicTangent>(rows, first: 2, count: 1);
            Apply<Sigmoid>(rows, first: 3, count: 1);
            for (int row = 0; row < step.Size; row++)
            {
                int at = step.First + row;
                Advance(
                    gates.Row(at),
                    CellBefore(step, row, first),
                    cells.Row(at),
                    tanhCells.Row(at),
                    outputs.Row(at));
            }
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
        Matrix gates = _gates.AsSpacedMatrix(outputs.Rows, 4 * dimension);
        Matrix cells = _cells.AsMatrix(outputs.Rows, dimension);
        Matrix tanhCells = _tanhCells.AsMatrix(outputs.Rows, dimension);
        Matrix cellGradient = _cellGradient.AsMatrix(batch.ExampleCount, dimension);
        cellGradient.Clear();
        var steps = StepsOf(batch);
        for (int t = steps.Count - 1; t >= 0; t--)
        {
            var step = steps[t];
            for (int row = 0; row < step.Size; row++)
            {
                int at = step.First + row;
                GoBack(
                    gates.Row(at),
                    CellBefore(step, row, first),
                    tanhCells.Row(at),
                    outputGradient.Row(at),
                    cellGradient.Row(row));
            }

            if (!step.IsFirst)
            {
                MatrixProducts.Multiply(
                    gates.RowRange(step.First, step.Size),
                    _hh,
                    outputGradient.RowRange(step.PreviousFirst, step.Size),
                    keep: true);
            }
        }

        var (before, after) = Predecessors(steps, outputs, first, gates, _room);
        MatrixProducts.Multiply(gates.T, inputs, gradients[0]);
        MatrixProducts.Multiply(after.T, before, gradients[1]);
        RowKernels.ColumnSums(gates, gradients[2].Address);
        Lanes.Copy(gradients[2].Address, gradients[3].Address, gradients[2].Columns);
        MatrixProducts.Multiply(gates, _ih, inputGradient);
    }

    /// <inheritdoc/>
    public override void CopyState(Matrix outputs, int row, float* state)
    {
        base.CopyState(outputs, row, state);
        Lanes.Copy(_cells.Address + ((long)row * dimension), state + dimension, dimension);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _transposedIh.Dispose();
        _transposedHh.Dispose();
        _ih.Dispose();
        _hh.Dispose();
        _bias.Dispose();
        _gates.Dispose();
        _cells.Dispose();
        _tanhCells.Dispose();
        _cellGradient.Dispose();
        _room.Dispose();
    }

    /// <summary>Sums become gates.</summary>
    private void Apply<TFunction>(Matrix rows, int first, int count)
        where TFunction : struct, IElementaryFunction =>
        RowKernels.AddBiasAndApply<TFunction>(
            rows.ColumnRange(first * dimension, count * dimension), _bias.Address + (first * dimension));

    /// <summary>c before a row of a step; null for zeros.</summary>
    private float* CellBefore(Step step, int row, Matrix first) =>
        !step.IsFirst ? _cells.Address + ((long)(step.PreviousFirst + row) * dimension)
            : first.Rows == 0 ? null
            : first.Row(row) + dimension;

    /// <summary>c, tanh c and h of a row from its gates.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Advance(float* gates, float* before, float* cell, float* tanhCell, float* output)
    {
        int d = dimension;
        for (int k = 0; k < d; k += Lanes.Count)
        {
            int count = d - k;
            var i = Lanes.Load(gates + k, count);
            var f = Lanes.Load(gates + d + k, count);
            var g = Lanes.Load(gates + (2 * d) + k, count);
            var o = Lanes.Load(gates + (3 * d) + k, count);
            var old = before == null ? Vector512<float>.Zero : Lanes.Load(before + k, count);
            var next = (f * old) + (i * g);
            var tanh = HyperbolicTangent.Of(next);
            Lanes.Store(next, cell + k, count);
            Lanes.Store(tanh, tanhCell + k, count);
            Lanes.Store(o * tanh, output + k, count);
        }
    }

    /// <summary>A row's gates become the gradients of its sums, and the gradient of c that of the c before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void GoBack(float* gates, float* before, float* tanhCell, float* outputGradient, float* cellGradient)
    {
        int d = dimension;
        var one = Vector512.Create(1f);
        for (int k = 0; k < d; k += Lanes.Count)
        {
            int count = d - k;
            var i = Lanes.Load(gates + k, count);
            var f = Lanes.Load(gates + d + k, count);
            var g = Lanes.Load(gates + (2 * d) + k, count);
            var o = Lanes.Load(gates + (3 * d) + k, count);
            var tanh = Lanes.Load(tanhCell + k, count);
            var old = before == null ? Vector512<float>.Zero : Lanes.Load(before + k, count);
            var slope = Lanes.Load(outputGradient + k, count);
            var ofCell = Lanes.Load(cellGradient + k, count) + (slope * o * (one - (tanh * tanh)));
            Lanes.Store(ofCell * g * i * (one - i), gates + k, count);
            Lanes.Store(ofCell * old * f * (one - f), gates + d + k, count);
            Lanes.Store(ofCell * i * (one - (g * g)), gates + (2 * d) + k, count);
            Lanes.Store(slope * tanh * o * (one - o), gates + (3 * d) + k, count);
            Lanes.Store(ofCell * f, cellGradient + k, count);
        }
    }
}
