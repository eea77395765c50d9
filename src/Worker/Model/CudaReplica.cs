namespace RnnLm.Worker;

/// <summary>
/// The fast path of a GPU: cuDNN's RNN in one launch for all steps of all layers, or of one where values are dropped
/// between them, and the output layer in blocks of rows. The
/// same parameters give the same bits again: what cuDNN and cuBLAS may choose is fixed, and no sum runs over
/// atomics. On the CPU it computes the same by libtorch's own layers.
/// </summary>
public sealed class CudaReplica : TorchReplica
{
    private readonly CellDeclaration _cell;
    private readonly TorchLayers[] _stacks;
    private readonly int _layersOfStack;
    private readonly Tensor _embedding;
    private readonly Tensor _outputWeight;
    private readonly Tensor _outputBias;

    /// <inheritdoc cref="TorchReplica(ModelSettings, string)"/>
    /// <exception cref="ArgumentException">libtorch does not have the model's cell.</exception>
    public CudaReplica(ModelSettings settings, string device)
        : base(settings, device)
    {
        var cell = Cells.Of(settings);
        var make = cell.Layers ?? throw new ArgumentException($"libtorch has no layers of cell {settings.Cell}");
        _cell = cell.Declaration;
        var where = torch.device(device);
        _layersOfStack = settings.Dropout > 0 ? 1 : settings.Layers;
        _stacks = [.. Enumerable.Range(0, settings.Layers / _layersOfStack).Select(
            stack => make(settings.InputWidth(stack * _layersOfStack), settings.Dimension, _layersOfStack))];
        Array.ForEach(_stacks, stack => stack.Prepare(where));
        _embedding = Empty(Layout.Embedding, where);
        _outputWeight = Layout.IsTied ? _embedding : Empty(Layout.OutputWeight, where);
        _outputBias = Empty(Layout.OutputBias, where);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Array.ForEach(_stacks, stack => stack.Dispose());
        _embedding.Dispose();
        _outputWeight.Dispose();
        _outputBias.Dispose();
    }

    private protected override void Load(ReadOnlySpan<float> parameters)
    {
        using var unrecorded = no_grad();
        using var scope = NewDisposeScope();
        FlatParameters.CopyIn(parameters, Layout.Embedding, _embedding);
        FlatParameters.CopyIn(parameters, Layout.OutputWeight, _outputWeight);
        FlatParameters.CopyIn(parameters, Layout.OutputBias, _outputBias);
        foreach (var (segment, stack, layer, parameter) in OfCells())
        {
            FlatParameters.CopyIn(parameters, segment, stack.Values(layer, parameter));
        }
    }

    private protected override (double Loss, Tensor States) ComputeLoss(PaddedBatch batch, Tensor? states)
    {
        var (outputs, after) = Hidden(Embedded(batch), states, null);
        return (
            BlockwiseOutputLoss.LossSum(batch.RowsOf(outputs), _outputWeight, _outputBias, batch.Targets), after);
    }

    private protected override (double Loss, Tensor States) ComputeGradient(
        PaddedBatch batch, Tensor? states, Func<int, Tensor, Tensor>? drop, Gradient result)
    {
        Array.ForEach(_stacks, stack => stack.Clear());
        Tensor embedded = Embedded(batch).requires_grad_();
        var (outputs, after) = Hidden(embedded, states, drop);
        Tensor rows = batch.RowsOf(outputs);
        using var output = BlockwiseOutputLoss.Compute(rows.detach(), _outputWeight, _outputBias, batch.Targets);
        rows.backward([output.HiddenGradient]);

        CopyDense(output.WeightGradient, Layout.OutputWeight, result);
        CopyDense(output.BiasGradient, Layout.OutputBias, result);
        foreach (var (segment, stack, layer, parameter) in OfCells())
        {
            CopyDense(stack.Gradient(layer, parameter), segment, result);
        }

        SumRows(batch, embedded, result);
        return (output.LossSum, after);
    }

    /// <summary>Each parameter of a cell: where it lies, and where its layer is.</summary>
    private IEnumerable<(ParameterSegment Segment, TorchLayers Stack, int Layer, CellParameter Parameter)> OfCells()
    {
        for (int layer = 0; layer < Settings.Layers; layer++)
        {
            for (int index = 0; index < _cell.Parameters.Count; index++)
            {
                yield return (
                    Layout.OfCell(layer, index),
                    _stacks[layer / _layersOfStack],
                    layer % _layersOfStack,
                    _cell.Parameters[index]);
            }
        }
    }

    /// <summary>Embedding rows (examples, time, E).</summary>
    private Tensor Embedded(PaddedBatch batch) =>
        _embedding.index_select(0, batch.Inputs.reshape(-1))
            .reshape(batch.Inputs.size(0), batch.Inputs.size(1), Settings.EmbeddingWidth);

    private (Tensor Outputs, Tensor States) Hidden(Tensor inputs, Tensor? states, Func<int, Tensor, Tensor>? drop)
    {
        var after = new Tensor[_stacks.Length];
        for (int index = 0; index < _stacks.Length; index++)
        {
            inputs = drop?.Invoke(index, inputs) ?? inputs;
            (inputs, after[index]) = _stacks[index].Run(
                inputs, states?.narrow(0, index * _layersOfStack, _layersOfStack));
        }

        return (drop?.Invoke(_stacks.Length, inputs) ?? inputs, cat(after, 0));
    }

    private static Tensor Empty(ParameterSegment segment, Device device) =>
        empty([.. segment.Shape.Select(extent => (long)extent)], float32, device).DetachFromDisposeScope();
}
