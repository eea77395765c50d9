namespace RnnLm.Worker;

/// <summary>Stacked layers of one of libtorch's own modules, which on a GPU is cuDNN's, with the parameters of a
/// cell.</summary>
/// <param name="module"><c>nn.RNN</c>, <c>nn.LSTM</c> or <c>nn.GRU</c>, batch first; owned.</param>
/// <param name="declaration">Of the cell.</param>
internal sealed class TorchLayers(nn.Module module, CellDeclaration declaration) : IDisposable
{
    /// <summary>What the module calls the parameters of the cell; by default the same.</summary>
    public IReadOnlyDictionary<string, string> Names { get; init; } =
        declaration.Parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Name);

    /// <summary>Whether the module's matrices are the transposes of the cell's.</summary>
    public bool IsTransposed { get; init; }

    /// <summary>Moves the parameters to a device; those that the cell does not have become constants of zero.</summary>
    public void Prepare(Device device)
    {
        module.to(device);
        using var unrecorded = no_grad();
        foreach (var (name, parameter) in module.named_parameters())
        {
            if (!Names.Values.Any(known => name.StartsWith(known + "_l", StringComparison.Ordinal)))
            {
                parameter.zero_();
                parameter.requires_grad = false;
            }
        }

        switch (module)
        {
            case RNN rnn: rnn.flatten_parameters(); break;
            case LSTM lstm: lstm.flatten_parameters(); break;
            case GRU gru: gru.flatten_parameters(); break;
        }
    }

    /// <summary>The tensor with the values of a cell's parameter, as the cell has them.</summary>
    public Tensor Values(int layer, CellParameter parameter) => AsCell(Of(layer, parameter));

    /// <summary>The gradient of a cell's parameter, as the cell has it.</summary>
    public Tensor Gradient(int layer, CellParameter parameter) => AsCell(Of(layer, parameter).grad ??
        throw new InvalidOperationException($"autograd gave no gradient of {parameter.Name}"));

    /// <summary>Forgets gradients.</summary>
    public void Clear() => module.zero_grad();

    /// <summary>The outputs (batch, time, D), and the states after the last step (layers, batch, S).</summary>
    /// <param name="inputs">(batch, time, I).</param>
    /// <param name="states">Before the first step (layers, batch, S); zeros where missing.</param>
    public (Tensor Outputs, Tensor States) Run(Tensor inputs, Tensor? states)
    {
        switch (module)
        {
            case RNN rnn: return rnn.call(inputs, states);
            case GRU gru: return gru.call(inputs, states);
            case LSTM lstm:
                Tensor[]? parts = states?.chunk(2, 2);
                var (outputs, hidden, cells) = lstm.call(
                    inputs, parts is null ? null : (parts[0].contiguous(), parts[1].contiguous()));
                return (outputs, cat([hidden, cells], 2));
            default: throw new InvalidOperationException($"{module.GetType()} is no recurrent layer");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => module.Dispose();

    private Parameter Of(int layer, CellParameter parameter) =>
        module.get_parameter($"{Names[parameter.Name]}_l{layer}")!;

    private Tensor AsCell(Tensor values) => IsTransposed && values.dim() == 2 ? values.t() : values;
}
