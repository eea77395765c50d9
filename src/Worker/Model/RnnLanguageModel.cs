namespace RnnLm.Worker;

/// <summary>
/// Embedding → stacked recurrent cells → linear layer as in the reference model. The keys and shapes of its state
/// dict are those of <see cref="ParameterLayout"/>.
/// </summary>
/// <remarks>Build it outside dispose scopes; a scope would dispose the parameters with its other tensors.</remarks>
public sealed class RnnLanguageModel : nn.Module<Tensor, Tensor>
{
    private readonly Embedding embedding;
    private readonly StackedCells rnn;
    private readonly Linear fc;

    /// <summary>A model whose parameters hold what the modules make of them; a run loads its own from a flat
    /// buffer.</summary>
    /// <exception cref="ArgumentException">The module of its cell has other parameters than the cell
    /// declares.</exception>
    public RnnLanguageModel(ModelSettings settings)
        : base(nameof(RnnLanguageModel))
    {
        ArgumentNullException.ThrowIfNull(settings);
        Settings = settings;
        long? padding = settings.PaddingId >= 0 ? settings.PaddingId : null;
        embedding = nn.Embedding(settings.VocabularySize, settings.Dimension, padding_idx: padding);
        rnn = new StackedCells(settings);
        fc = nn.Linear(settings.Dimension, settings.VocabularySize);
        RegisterComponents();
        RequireDeclared();
    }

    /// <summary>What the model was built from.</summary>
    public ModelSettings Settings { get; }

    /// <summary>Weight of the output layer (V, D).</summary>
    public Parameter OutputWeight => fc.weight;

    /// <summary>Bias of the output layer (V).</summary>
    public Parameter OutputBias => fc.bias!;

    /// <summary>Logits (batch, time, V) for int64 tokens (batch, time), each sequence starting from a state of
    /// zeros.</summary>
    public override Tensor forward(Tensor input) => logits(hidden(embed(input)));

    /// <summary>Embedding rows (batch, time, D) of int64 tokens (batch, time).</summary>
    public Tensor embed(Tensor tokens) => embedding.call(tokens);

    /// <summary>The last layer's outputs (batch, time, D) for embedding rows (batch, time, D): what the output layer
    /// sees.</summary>
    public Tensor hidden(Tensor embedded) => rnn.call(embedded, null).Item1;

    /// <summary>Logits (…, V) of the last layer's outputs (…, D).</summary>
    public Tensor logits(Tensor outputs) => fc.call(outputs);

    /// <summary>Logits (batch, V) after one more token of each sequence, and the states to go on from (layers, batch,
    /// S).</summary>
    /// <param name="tokens">int64 tokens (batch).</param>
    /// <param name="states">States before the tokens (layers, batch, S); zeros where missing.</param>
    public (Tensor logits, Tensor states) step(Tensor tokens, Tensor? states)
    {
        (Tensor output, Tensor next) = rnn.call(embed(tokens.unsqueeze(1)), states);
        return (logits(output.select(1, 0)), next);
    }

    /// <summary>What is not declared would be neither trained nor saved.</summary>
    private void RequireDeclared()
    {
        IEnumerable<string> declared =
            ParameterLayout.For(Settings).Segments.Select(segment => Describe(segment.Name, segment.Shape));
        IEnumerable<string> made = state_dict().Select(entry => Describe(entry.Key, entry.Value.shape));
        string[] different = [.. declared.Except(made).Concat(made.Except(declared))];
        if (different.Length > 0)
        {
            throw RnnLmException.BadInput(
                $"the module of cell {Settings.Cell} does not have the parameters that the cell declares: they " +
                $"differ in {string.Join(", ", different)}; make both say the same");
        }
    }

    private static string Describe<T>(string name, IEnumerable<T> shape) => $"{name} ({string.Join(", ", shape)})";
}

/// <summary>
/// Stacked cells: the output of layer l at step t is the input of layer l + 1 at step t; each layer keeps its own
/// state.
/// </summary>
public sealed class StackedCells : nn.Module<Tensor, Tensor?, (Tensor, Tensor)>
{
    private readonly ModuleList<nn.Module<Tensor, Tensor, Tensor>> rnn_units;
    private readonly long _dimension;
    private readonly long _stateWidth;

    /// <param name="settings">Cell, D and number of layers.</param>
    public StackedCells(ModelSettings settings)
        : base(nameof(StackedCells))
    {
        var cell = Cells.Of(settings);
        _dimension = settings.Dimension;
        _stateWidth = _dimension * cell.Declaration.StateVectors;
        rnn_units = nn.ModuleList(
            Enumerable.Range(0, settings.Layers).Select(_ => cell.CreateModule(_dimension)).ToArray());
        RegisterComponents();
    }

    /// <summary>The last layer's outputs at every step (batch, time, D), and all layers' states after the last step
    /// (layers, batch, S).</summary>
    /// <param name="input1">Inputs (batch, time, D), at least one step.</param>
    /// <param name="input2">States before the first step (layers, batch, S); zeros where missing.</param>
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
                layerInput = _stateWidth == _dimension ? states[layer] : states[layer].narrow(1, 0, _dimension);
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
                ? zeros([input.size(0), _stateWidth], input.dtype, input.device)
                : given.select(0, layer);
        }

        return states;
    }
}
