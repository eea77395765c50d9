namespace RnnLm.Worker;

/// <summary>
/// Stacked Elman units: the state of layer l at step t is the input of layer l + 1 at step t; each layer keeps its own state (row A2 of the
/// reference material).
/// </summary>
public sealed class ElmanRNN : nn.Module<Tensor, Tensor?, (Tensor, Tensor)>
{
    private readonly ModuleList<ElmanRNNUnit> rnn_units;
    private readonly long _dimension;

    /// <param name="dimension">D, of inputs and states.</param>
    /// <param name="layers">Number of stacked units.</param>
    public ElmanRNN(long dimension, int layers)
        : base(nameof(ElmanRNN))
    {
        _dimension = dimension;
        rnn_units = nn.ModuleList(Enumerable.Range(0, layers).Select(_ => new ElmanRNNUnit(dimension)).ToArray());
        RegisterComponents();
    }

    /// <summary>The last layer's states at every step (batch, time, D), and all layers' states after the last step (layers, batch, D).</summary>
    /// <param name="input1">Inputs (batch, time, D), at least one step.</param>
    /// <param name="input2">States before the first step (layers, batch, D); zeros where missing.</param>
    public override (Tensor, Tensor) forward(Tensor input1, Tensor? input2)
    {
        Tensor[] states = FirstStates(input1, input2);
        var outputs = new Tensor[input1.size(1)];
        for (int step = 0; step < outputs.Length; step++)
        {
            Tensor layerInput = input1.select(1, step);
            for (int layer = 0; layer < states.Length; layer++)
            {
                states[layer] = rnn_units[layer].call(layerInput, states[layer]);
                layerInput = states[layer];
            }

            outputs[step] = layerInput;
        }

        return (stack(outputs, 1), stack(states, 0));
    }

    private Tensor[] FirstStates(Tensor input, Tensor? given)
    {
        var states = new Tensor[rnn_units.Count];
        for (int layer = 0; layer < states.Length; layer++)
        {
            states[layer] = given is null ? zeros([input.size(0), _dimension], input.dtype, input.device) : given.select(0, layer);
        }

        return states;
    }
}
