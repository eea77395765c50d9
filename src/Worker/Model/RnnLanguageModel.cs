namespace RnnLm.Worker;

/// <summary>
/// Embedding → stacked Elman units → linear layer (row A3 of the reference material). The keys and shapes of its state dict, and their order,
/// are those of <see cref="ParameterLayout"/>.
/// </summary>
/// <remarks>Build it outside dispose scopes; a scope would dispose the parameters with its other tensors.</remarks>
public sealed class RnnLanguageModel : nn.Module<Tensor, Tensor>
{
    private readonly Embedding embedding;
    private readonly ElmanRNN rnn;
    private readonly Linear fc;

    /// <summary>A model whose parameters hold the modules' own first values; a run loads its own from a flat buffer.</summary>
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

    /// <summary>Logits (batch, time, V) for int64 tokens (batch, time), each sequence starting from a state of zeros.</summary>
    public override Tensor forward(Tensor input) => fc.call(hidden(input));

    /// <summary>The last layer's states (batch, time, D) for int64 tokens (batch, time): what the output layer sees.</summary>
    public Tensor hidden(Tensor tokens) => rnn.call(embedding.call(tokens), null).Item1;

    /// <summary>Logits (batch, V) after one more token of each sequence, and the states to go on from (layers, batch, D).</summary>
    /// <param name="tokens">int64 tokens (batch).</param>
    /// <param name="states">States before the tokens (layers, batch, D); zeros where missing.</param>
    public (Tensor logits, Tensor states) step(Tensor tokens, Tensor? states)
    {
        (Tensor output, Tensor next) = rnn.call(embedding.call(tokens.unsqueeze(1)), states);
        return (fc.call(output.select(1, 0)), next);
    }
}
