namespace RnnLm.Worker;

/// <summary>
/// PyTorch's <c>nn.RNN</c>: h' = act(x·W_ihᵀ + b_ih + h·W_hhᵀ + b_hh).
/// Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html.
/// </summary>
/// <param name="name">What <c>--cell</c> calls it.</param>
/// <param name="isRelu">ReLU instead of tanh.</param>
internal sealed class RnnCell(string name, bool isRelu) : Cell(TorchUnit.Declare(name, gates: 1))
{
    /// <inheritdoc/>
    public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension) =>
        new Unit(inputs, dimension, isRelu);

    /// <inheritdoc/>
    internal override Func<int, LayerScan> Scan => _ => new SimpleScan(isTorch: true, isRelu);

    /// <inheritdoc/>
    internal override Func<long, long, long, TorchLayers> Layers => (inputs, dimension, layers) => new TorchLayers(
        nn.RNN(
            inputs,
            dimension,
            layers,
            isRelu ? nn.NonLinearities.ReLU : nn.NonLinearities.Tanh,
            batchFirst: true),
        Declaration);

    private sealed class Unit(long inputs, long dimension, bool isRelu) : TorchUnit(inputs, dimension, gates: 1)
    {
        public override Tensor forward(Tensor input1, Tensor input2)
        {
            Tensor sum = Of(input1, input2);
            return isRelu ? sum.relu() : sum.tanh();
        }
    }
}
