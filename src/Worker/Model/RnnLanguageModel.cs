namespace RnnLm.Worker;

/// <summary>
/// Embedding → stacked recurrent cells → linear layer as in the reference model. What its parameters are called in
/// files and where they lie in a flat buffer is <see cref="ParameterLayout"/>'s.
/// </summary>
/// <remarks>Build it outside dispose scopes; a scope would dispose the parameters with its other tensors.</remarks>
public sealed class RnnLanguageModel : nn.Module<Tensor, Tensor>
{
    private readonly Embedding embedding;
    private readonly StackedCells rnn;
    private readonly OutputLinear fc;

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
        embedding = nn.Embedding(settings.VocabularySize, settings.EmbeddingWidth, padding_idx: padding);
        rnn = new StackedCells(settings);
        fc = new OutputLinear(settings);
        RegisterComponents();
        Layout = ParameterLayout.For(settings);
        RequireDeclared();
    }

    /// <summary>What the model was built from.</summary>
    public ModelSettings Settings { get; }

    /// <summary>Names, shapes and order of the parameters.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>Weight of the output layer (V, D).</summary>
    public Parameter OutputWeight => fc.Weight ?? embedding.weight!;

    /// <summary>Bias of the output layer (V).</summary>
    public Parameter OutputBias => fc.Bias;

    /// <summary>Logits (batch, time, V) for int64 tokens (batch, time), each sequence starting from a state of
    /// zeros.</summary>
    public override Tensor forward(Tensor input) => logits(hidden(embed(input)).outputs);

    /// <summary>Embedding rows (batch, time, E) of int64 tokens (batch, time).</summary>
    public Tensor embed(Tensor tokens) => embedding.call(tokens);

    /// <summary>The last layer's outputs (batch, time, D) for embedding rows (batch, time, E), what the output layer
    /// sees, and all layers' states after the last step (layers, batch, S).</summary>
    /// <param name="embedded">Embedding rows.</param>
    /// <param name="states">States before the first step (layers, batch, S); zeros where missing.</param>
    /// <param name="drop">What becomes of the values that go into a layer, or behind the last (layer, values (batch,
    /// time, width)); nothing where missing.</param>
    public (Tensor outputs, Tensor states) hidden(
        Tensor embedded, Tensor? states = null, Func<int, Tensor, Tensor>? drop = null) =>
        rnn.run(embedded, states, drop);

    /// <summary>Logits (…, V) of the last layer's outputs (…, D).</summary>
    public Tensor logits(Tensor outputs) => nn.functional.linear(outputs, OutputWeight, OutputBias);

    /// <summary>Logits (batch, V) after one more token of each sequence, and the states to go on from (layers, batch,
    /// S).</summary>
    /// <param name="tokens">int64 tokens (batch).</param>
    /// <param name="states">States before the tokens (layers, batch, S); zeros where missing.</param>
    public (Tensor logits, Tensor states) step(Tensor tokens, Tensor? states)
    {
        (Tensor output, Tensor next) = rnn.run(embed(tokens.unsqueeze(1)), states, null);
        return (logits(output.select(1, 0)), next);
    }

    /// <summary>What is not declared would be neither trained nor saved.</summary>
    private void RequireDeclared()
    {
        IEnumerable<string> declared =
            Layout.Segments.Select(segment => Describe(segment.ModuleName, segment.Shape));
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

    /// <summary>The parameters of the output layer, of which a tied one has the bias alone.</summary>
    private sealed class OutputLinear : nn.Module
    {
        private readonly Parameter? weight;
        private readonly Parameter bias;

        public OutputLinear(ModelSettings settings)
            : base(nameof(OutputLinear))
        {
            weight = settings.Tied ? null : nn.Parameter(randn(settings.VocabularySize, settings.Dimension));
            bias = nn.Parameter(zeros(settings.VocabularySize));
            RegisterComponents();
        }

        public Parameter? Weight => weight;

        public Parameter Bias => bias;
    }
}

/// <summary>
/// Stacked cells: the output of layer l at step t is the input of layer l + 1 at step t; each layer keeps its own
/// state.
/// </summary>
public sealed class StackedCells : nn.Module<Tensor, Tensor>
{
    private readonly ModuleList<nn.Module<Tensor, Tensor, Tensor>> rnn_units;
    private readonly Cell _cell;
    private readonly long _dimension;

    /// <param name="settings">Cell, E, D and number of layers.</param>
    public StackedCells(ModelSettings settings)
        : base(nameof(StackedCells))
    {
        ArgumentNullException.ThrowIfNull(settings);
        _cell = Cells.Of(settings);
        _dimension = settings.Dimension;
        rnn_units = nn.ModuleList(Enumerable.Range(0, settings.Layers)
            .Select(layer => _cell.CreateModule(settings.InputWidth(layer), settings.Dimension)).ToArray());
        RegisterComponents();
    }

    /// <summary>The last layer's outputs at every step (batch, time, D) from states of zeros.</summary>
    /// <param name="input">Inputs (batch, time, E), at least one step.</param>
    public override Tensor forward(Tensor input) => run(input, null, null).outputs;

    /// <summary>The last layer's outputs at every step (batch, time, D), and all layers' states after the last step
    /// (layers, batch, S).</summary>
    /// <param name="inputs">Inputs (batch, time, E), at least one step.</param>
    /// <param name="states">States before the first step (layers, batch, S); zeros where missing.</param>
    /// <param name="drop">See <see cref="RnnLanguageModel.hidden"/>.</param>
    public (Tensor outputs, Tensor states) run(Tensor inputs, Tensor? states, Func<int, Tensor, Tensor>? drop)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        var last = new Tensor[rnn_units.Count];
        for (int layer = 0; layer < last.Length; layer++)
        {
            Tensor state = states is null
                ? zeros([inputs.size(0), _cell.Declaration.StateWidth(_dimension)], inputs.dtype, inputs.device)
                : states.select(0, layer);
            (inputs, last[layer]) = _cell.Run(
                rnn_units[layer], drop?.Invoke(layer, inputs) ?? inputs, state, _dimension);
        }

        return (drop?.Invoke(last.Length, inputs) ?? inputs, stack(last, 0));
    }
}
