namespace RnnLm.Worker;

/// <summary>Computes shards on the CPU with the product's own kernels, straight from the published parameters.</summary>
public sealed class KernelShardComputer(ModelSettings model) : IShardComputer
{
    private readonly ElmanLanguageModel _model = new(model);
    private readonly Workspace _workspace = new();

    /// <inheritdoc/>
    public void ComputeGradient(ParameterVersion parameters, ShardTokens shard, Gradient result)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        _model.Compute(parameters.Values, shard, _workspace, result);
    }

    /// <inheritdoc/>
    public double ComputeLoss(ParameterVersion parameters, ShardTokens shard)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return _model.Loss(parameters.Values, shard, _workspace);
    }

    /// <inheritdoc/>
    public void Dispose() => _workspace.Dispose();
}
