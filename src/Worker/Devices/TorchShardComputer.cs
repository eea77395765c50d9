namespace RnnLm.Worker;

/// <summary>
/// Computes shards with a replica of the model in libtorch, on any device: autograd through embedding and recurrence, the output layer in blocks of rows.
/// </summary>
/// <remarks>Dispose scopes belong to a thread: a computer is used by the one thread that made it.</remarks>
public sealed class TorchShardComputer : IShardComputer
{
    private readonly ModelSettings _settings;
    private readonly ParameterLayout _layout;
    private readonly Device _device;
    private readonly RnnLanguageModel _model;
    private ParameterVersion? _loaded;

    /// <summary>A replica on a device.</summary>
    /// <param name="settings">The model.</param>
    /// <param name="device">As libtorch names it: <c>cpu</c>, <c>cuda:0</c>.</param>
    public TorchShardComputer(ModelSettings settings, string device)
    {
        _settings = settings;
        _layout = ParameterLayout.For(settings);
        _device = torch.device(device);
        _model = new RnnLanguageModel(settings);
        _model.to(_device);

        // On the CPU a shard is one thread's; libtorch keeps this setting for the thread's own parallel regions.
        set_num_threads(1);
    }

    /// <inheritdoc/>
    public void ComputeGradient(ParameterVersion parameters, ShardTokens shard, Gradient result)
    {
        ArgumentNullException.ThrowIfNull(shard);
        ArgumentNullException.ThrowIfNull(result);
        result.Clear();
        if (shard.TargetCount == 0)
        {
            return;
        }

        Load(parameters);
        using var scope = NewDisposeScope();
        _model.zero_grad();
        var (rows, targets) = HiddenRows(shard);
        using var output = BlockwiseOutputLoss.Compute(rows.detach(), _model.OutputWeight, _model.OutputBias, targets);
        rows.backward([output.HiddenGradient]);

        CopyDense(result, _layout.OutputWeight, output.WeightGradient);
        CopyDense(result, _layout.OutputBias, output.BiasGradient);
        foreach (var segment in _layout.Segments)
        {
            if (segment != _layout.Embedding && segment != _layout.OutputWeight && segment != _layout.OutputBias)
            {
                CopyDense(result, segment, GradientOf(segment));
            }
        }

        CopyRows(result, shard);
        result.LossSum = output.LossSum;
        result.TokenCount = shard.TargetCount;
    }

    /// <inheritdoc/>
    public double ComputeLoss(ParameterVersion parameters, ShardTokens shard)
    {
        ArgumentNullException.ThrowIfNull(shard);
        if (shard.TargetCount == 0)
        {
            return 0;
        }

        Load(parameters);
        using var scope = NewDisposeScope();
        using var unrecorded = no_grad();
        var (rows, targets) = HiddenRows(shard);
        return BlockwiseOutputLoss.LossSum(rows, _model.OutputWeight, _model.OutputBias, targets);
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private void Load(ParameterVersion parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        // By reference: the self-test has a version 0 of its own.
        if (!ReferenceEquals(_loaded, parameters))
        {
            FlatParameters.Load(_model, _layout, parameters.Values.Span);
            _loaded = parameters;
        }
    }

    /// <summary>The last layer's states (R, D) at the R predicted positions, and their targets; the batch is padded to its longest example and masked by length.</summary>
    private (Tensor Rows, Tensor Targets) HiddenRows(ShardTokens shard)
    {
        int time = Enumerable.Range(0, shard.ExampleCount).Max(example => shard.Example(example).Length) - 1;
        long[] inputs = new long[shard.ExampleCount * time];
        long[] positions = new long[shard.TargetCount];
        long[] targets = new long[shard.TargetCount];
        int row = 0;
        for (int example = 0; example < shard.ExampleCount; example++)
        {
            var ids = shard.Example(example);
            for (int t = 0; t + 1 < ids.Length; t++, row++)
            {
                int position = (example * time) + t;
                (inputs[position], positions[row], targets[row]) = (ids[t], position, ids[t + 1]);
            }
        }

        var hidden = _model.hidden(tensor(inputs, [shard.ExampleCount, time], device: _device));
        var rows = hidden.reshape(-1, _settings.Dimension).index_select(0, tensor(positions, device: _device));
        return (rows, tensor(targets, device: _device));
    }

    private Tensor GradientOf(ParameterSegment segment) =>
        _model.get_parameter(segment.Name)!.grad ?? throw new InvalidOperationException($"autograd gave no gradient of {segment.Name}");

    private void CopyDense(Gradient result, ParameterSegment segment, Tensor gradient) =>
        FlatParameters.CopyOut(gradient, result.Dense.Span.Slice(segment.Offset - _layout.Embedding.End, segment.Length));

    private void CopyRows(Gradient result, ShardTokens shard)
    {
        var present = new SortedSet<int>();
        for (int example = 0; example < shard.ExampleCount; example++)
        {
            foreach (int id in shard.Example(example)[..^1])
            {
                present.Add(id);
            }
        }

        present.Remove(_settings.PaddingId);
        present.CopyTo(result.RowIds);
        result.RowCount = present.Count;
        if (present.Count > 0)
        {
            var ids = tensor([.. present.Select(id => (long)id)], device: _device);
            FlatParameters.CopyOut(GradientOf(_layout.Embedding).index_select(0, ids), result.Rows.Span[..(present.Count * _settings.Dimension)]);
        }
    }
}
