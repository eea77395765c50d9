using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Worker;

/// <summary>
/// PyTorch's <c>nn.GRU</c>: with [x_r, x_z, x_n] = x·W_ihᵀ + b_ih and [h_r, h_z, h_n] = h·W_hhᵀ + b_hh,
/// r = σ(x_r + h_r), z = σ(x_z + h_z), n = tanh(x_n + r·h_n), h' = (1 - z)·n + z·h. Sources: Cho et al., "Learning
/// Phrase Representations using RNN Encoder-Decoder", 2014, with the reset gate behind the product;
/// https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html.
/// </summary>
internal sealed class GruCell() : Cell(TorchUnit.Declare("gru", Gates))
{
    private const int Gates = 3;

    /// <inheritdoc/>
    public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension) =>
        new Unit(inputs, dimension);

    /// <inheritdoc/>
    internal override Func<int, LayerScan> Scan => dimension => new GruScan(dimension);

    /// <inheritdoc/>
    internal override Func<long, long, long, TorchLayers> Layers => (inputs, dimension, layers) =>
        new TorchLayers(nn.GRU(inputs, dimension, layers, batchFirst: true), Declaration);

    private sealed class Unit(long inputs, long dimension) : TorchUnit(inputs, dimension, Gates)
    {
        public override Tensor forward(Tensor input1, Tensor input2)
        {
            Tensor[] x = OfInput(input1).chunk(Gates, 1);
            Tensor[] h = OfState(input2).chunk(Gates, 1);
            Tensor reset = Terms.Sum(x[0], h[0]).sigmoid();
            Tensor keep = Terms.Sum(x[1], h[1]).sigmoid();
            Tensor candidate = Terms.Sum(x[2], reset * h[2]).tanh();
            return candidate.lerp(input2, keep);
        }
    }
}

/// <summary>The GRU by hand.</summary>
/// <param name="dimension">D.</param>
internal sealed unsafe class GruScan(int dimension) : LayerScan
{
    private readonly PackedMatrix _transposedIh = new();
    private readonly PackedMatrix _transposedHh = new();
    private readonly PackedMatrix _ih = new();
    private readonly PackedMatrix _hh = new();

    /// <summary>b_ih, then b_hh (2, 3 D).</summary>
    private readonly GrowingBuffer _bias = new();

    /// <summary>r, z and n of each row (R, 3 D); then the gradients before their functions, as the inputs see
    /// them.</summary>
    private readonly GrowingBuffer _gates = new();

    /// <summary>h·W_hhᵀ of each row (R, 3 D), of which h_n with its bias is kept; then the gradients as the states see
    /// them.</summary>
    private readonly GrowingBuffer _ofStates = new();
    private readonly GrowingBuffer _room = new();

    /// <inheritdoc/>
    public override void Load(Matrix[] parameters)
    {
        _ih.Load(parameters[0]);
        _hh.Load(parameters[1]);
        _transposedIh.Load(parameters[0].T);
        _transposedHh.Load(parameters[1].T);
        Matrix bias = _bias.AsMatrix(2, parameters[2].Columns);
        Lanes.Copy(parameters[2].Address, bias.Row(0), bias.Columns);
        Lanes.Copy(parameters[3].Address, bias.Row(1), bias.Columns);
    }

    /// <inheritdoc/>
    public override void Forward(PackedBatch batch, Matrix inputs, Matrix first, Matrix outputs)
    {
        Matrix gates = _gates.AsSpacedMatrix(outputs.Rows, 3 * dimension);
        Matrix ofStates = _ofStates.AsSpacedMatrix(outputs.Rows, 3 * dimension);
        MatrixProducts.Multiply(inputs, _transposedIh, gates);
        foreach (var step in StepsOf(batch))
        {
            Matrix rows = ofStates.RowRange(step.First, step.Size);
            Matrix before = Before(step, outputs, first);
            if (before.Rows > 0)
            {
                MatrixProducts.Multiply(before, _transposedHh, rows);
            }
            else
            {
                rows.Clear();
            }

            for (int row = 0; row < step.Size; row++)
            {
                int at = step.First + row;
                OpenGates(gates.Row(at), rows.Row(row));
                Advance(
                    gates.Row(at),
                    rows.Row(row),
                    before.Rows > 0 ? before.Row(row) : null,
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
        Matrix gates = _gates.AsSpacedMatrix(outputs.Rows, 3 * dimension);
        Matrix ofStates = _ofStates.AsSpacedMatrix(outputs.Rows, 3 * dimension);
        var steps = StepsOf(batch);
        for (int t = steps.Count - 1; t >= 0; t--)
        {
            var step = steps[t];
            Matrix before = Before(step, outputs, first);
            for (int row = 0; row < step.Size; row++)
            {
                int at = step.First + row;
                GoBack(
                    gates.Row(at),
                    ofStates.Row(at),
                    before.Rows > 0 ? before.Row(row) : null,
                    outputGradient.Row(at),
                    step.IsFirst ? null : outputGradient.Row(step.PreviousFirst + row));
            }

            if (!step.IsFirst)
            {
                MatrixProducts.Multiply(
                    ofStates.RowRange(step.First, step.Size),
                    _hh,
                    outputGradient.RowRange(step.PreviousFirst, step.Size),
                    keep: true);
            }
        }

        var (predecessors, after) = Predecessors(steps, outputs, first, ofStates, _room);
        MatrixProducts.Multiply(gates.T, inputs, gradients[0]);
        MatrixProducts.Multiply(after.T, predecessors, gradients[1]);
        RowKernels.ColumnSums(gates, gradients[2].Address);
        RowKernels.ColumnSums(ofStates, gradients[3].Address);
        MatrixProducts.Multiply(gates, _ih, inputGradient);
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
        _ofStates.Dispose();
        _room.Dispose();
    }

    /// <summary>A row's first two sums become its gates.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void OpenGates(float* gates, float* ofState)
    {
        float* ofInputs = _bias.Address;
        float* ofStates = ofInputs + (3 * dimension);
        for (int k = 0; k < 2 * dimension; k += Lanes.Count)
        {
            int count = (2 * dimension) - k;
            var ofInput = Lanes.Load(gates + k, count) + Lanes.Load(ofInputs + k, count);
            Lanes.Store(
                Sigmoid.Of(ofInput + (Lanes.Load(ofState + k, count) + Lanes.Load(ofStates + k, count))),
                gates + k,
                count);
        }
    }

    /// <summary>A row's last sum becomes the candidate, and with the gates h.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Advance(float* gates, float* ofState, float* before, float* output)
    {
        int d = dimension;
        float* ofInputs = _bias.Address;
        float* ofStates = ofInputs + (3 * d);
        for (int k = 0; k < d; k += Lanes.Count)
        {
            int count = d - k;
            int last = (2 * d) + k;
            var reset = Lanes.Load(gates + k, count);
            var keep = Lanes.Load(gates + d + k, count);
            var ofInput = Lanes.Load(gates + last, count) + Lanes.Load(ofInputs + last, count);
            var ofCandidate = Lanes.Load(ofState + last, count) + Lanes.Load(ofStates + last, count);
            var candidate = HyperbolicTangent.Of(ofInput + (reset * ofCandidate));
            var old = before == null ? Vector512<float>.Zero : Lanes.Load(before + k, count);
            Lanes.Store(candidate, gates + last, count);
            Lanes.Store(ofCandidate, ofState + last, count);
            Lanes.Store(((old - candidate) * keep) + candidate, output + k, count);
        }
    }

    /// <summary>A row's gates become the gradients of its sums; the part of the gradient of h before that does not go
    /// through them is added to that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void GoBack(float* gates, float* ofState, float* before, float* outputGradient, float* beforeGradient)
    {
        int d = dimension;
        var one = Vector512.Create(1f);
        for (int k = 0; k < d; k += Lanes.Count)
        {
            int count = d - k;
            var reset = Lanes.Load(gates + k, count);
            var keep = Lanes.Load(gates + d + k, count);
            var candidate = Lanes.Load(gates + (2 * d) + k, count);
            var ofCandidate = Lanes.Load(ofState + (2 * d) + k, count);
            var old = before == null ? Vector512<float>.Zero : Lanes.Load(before + k, count);
            var slope = Lanes.Load(outputGradient + k, count);
            var candidateSlope = slope * (one - keep) * (one - (candidate * candidate));
            var resetSlope = candidateSlope * ofCandidate * reset * (one - reset);
            var keepSlope = slope * (old - candidate) * keep * (one - keep);
            Lanes.Store(resetSlope, gates + k, count);
            Lanes.Store(keepSlope, gates + d + k, count);
            Lanes.Store(candidateSlope, gates + (2 * d) + k, count);
            Lanes.Store(resetSlope, ofState + k, count);
            Lanes.Store(keepSlope, ofState + d + k, count);
            Lanes.Store(candidateSlope * reset, ofState + (2 * d) + k, count);
            if (beforeGradient != null)
            {
                Lanes.Store(Lanes.Load(beforeGradient + k, count) + (slope * keep), beforeGradient + k, count);
            }
        }
    }
}
