namespace RnnLm.Worker;

/// <summary>
/// Embedding → stacked Elman units → linear layer as in the reference model. The keys and shapes of its state
/// dict, and their order, are those of <see cref="ParameterLayout"/>.
/// </summary>
/// <remarks>Build it outside dispose scopes; a scope would dispose the parameters with its other tensors.</remarks>
public sealed class RnnLanguageModel : nn.Module<Tensor, Tensor>
{
    private readonly Embedding embedding;
    private readonly ElmanRNN rnn;
    private readonly Linear fc;

    /// <summary>A model whose parameters hold the modules' own first values; a run loads its own from a flat
    /// buffer.</summary>
    public RnnLanguageModel(ModelSettings settings)
        : base(nameof(RnnLanguageModel))
    {
        ArgumentNullException.ThrowIfNull(settings);
        Settings = settings;
        long? padding = settings.PaddingId >= 0 ? settings.PaddingId : null;
        embedding = nn.Embedding(settings.VocabularySize, settings.Dimension, padding_idx: padding);
        rnn = new ElmanRNN(settings.Dimension, settings.Layers);
        fc = nn.Linear(settings.Dimension, settings.VocabularySize);
        RegisterComponents();
    }

    /// <summary>What the model was built from.</summary>
    public ModelSettings Settings { get; }

    /// <summary>Weight of the output layer (V, D).</summary>
    public Parameter OutputWeight => fc.weight;

    /// <summary>Bias of the output layer (V).</summary>
    public Parameter OutputBias => fc.bias!;

    /// <summary>Logits (batch, time, V) for int64 tokens (batch, time), each sequence starting from a state of
    /// zeros.</summary>
    public override Tensor forward(Tensor input) => fc.call(hidden(input));

    /// <summary>The last layer's states (batch, time, D) for int64 tokens (batch, time): what the output layer
    /// sees.</summary>
    public Tensor hidden(Tensor tokens) => rnn.call(embedding.call(tokens), null).Item1;

    /// <summary>Logits (batch, V) after one more token of each sequence, and the states to go on from (layers, batch,
    /// D).</summary>
    /// <param name="tokens">int64 tokens (batch).</param>
    /// <param name="states">States before the tokens (layers, batch, D); zeros where missing.</param>
    public (Tensor logits, Tensor states) step(Tensor tokens, Tensor? states)
    {
        (Tensor output, Tensor next) = rnn.call(embedding.call(tokens.unsqueeze(1)), states);
        return (fc.call(output.select(1, 0)), next);
    }
}

/// <summary>
/// Stacked Elman units: the state of layer l at step t is the input of layer l + 1 at step t; each layer keeps its own
/// state.
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

    /// <summary>The last layer's states at every step (batch, time, D), and all layers' states after the last step
    /// (layers, batch, D).</summary>
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
            states[layer] = given is null
                ? zeros([input.size(0), _dimension], input.dtype, input.device)
                : given.select(0, layer);
        }

        return states;
    }
}
