namespace RnnLm.Worker;

/// <summary>The plain path: the model's module and autograd. Slow, and right for every cell and device.</summary>
public sealed class PlainReplica : TorchReplica
{
    private readonly RnnLanguageModel _model;

    /// <inheritdoc cref="TorchReplica(ModelSettings, string)"/>
    public PlainReplica(ModelSettings settings, string device)
        : base(settings, device)
    {
        _model = new RnnLanguageModel(settings);
        _model.to(torch.device(device));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _model.Dispose();

    private protected override void Load(ReadOnlySpan<float> parameters) =>
        FlatParameters.Load(_model, Layout, parameters);

    private protected override (double Loss, Tensor States) ComputeLoss(PaddedBatch batch, Tensor? states)
    {
        var (loss, after) = Loss(batch, _model.embed(batch.Inputs), states, null);
        return (loss.ToDouble(), after);
    }

    private protected override (double Loss, Tensor States) ComputeGradient(
        PaddedBatch batch, Tensor? states, Func<int, Tensor, Tensor>? drop, Gradient result)
    {
        _model.zero_grad();
        Tensor embedded = _model.embed(batch.Inputs).detach().requires_grad_();
        var (loss, after) = Loss(batch, embedded, states, drop);
        loss.backward();
        foreach (var segment in Layout.Segments.Where(segment => segment.Offset >= Layout.DenseStart))
        {
            CopyDense(_model.get_parameter(segment.ModuleName)!.grad, segment, result);
        }

        SumRows(batch, embedded, result);
        return (loss.ToDouble(), after);
    }

    private (Tensor Loss, Tensor States) Loss(
        PaddedBatch batch, Tensor embedded, Tensor? states, Func<int, Tensor, Tensor>? drop)
    {
        var (outputs, after) = _model.hidden(embedded, states, drop);
        Tensor logits = _model.logits(batch.RowsOf(outputs));
        return (nn.functional.cross_entropy(logits, batch.Targets, reduction: nn.Reduction.Sum), after);
    }
}
