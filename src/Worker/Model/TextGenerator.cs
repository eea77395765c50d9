namespace RnnLm.Worker;

/// <summary>
/// Auto-regression: the model reads a prompt and then its own draws, one token at a time. Its state is carried along,
/// so that a token costs the same however long the text is. For any threads.
/// </summary>
/// <remarks>
/// Each text is read by itself, a row at a time. Several are generated side by side on threads and not as rows of one
/// batch: libtorch's product of a batch has other last bits than that of a single row, and others for every size of
/// the batch. A draw that falls on another token for it changes all that follow, and so a text would depend on what is
/// generated beside it.
/// </remarks>
public sealed class TextGenerator : IDisposable
{
    private readonly ModelSettings _settings;
    private readonly RnnLanguageModel _model;

    /// <summary>A model with these parameters, on the CPU.</summary>
    /// <param name="settings">Its sizes.</param>
    /// <param name="parameters">All parameters, laid out as <see cref="ParameterLayout"/> says.</param>
    public TextGenerator(ModelSettings settings, ReadOnlySpan<float> parameters)
    {
        _settings = settings;
        _model = new RnnLanguageModel(settings);
        FlatParameters.Load(_model, ParameterLayout.For(settings), parameters);
    }

    /// <summary>The tokens that follow a prompt, each drawn when it is asked for; they end at the end token
    /// only.</summary>
    /// <param name="prompt">At least one token.</param>
    /// <param name="sampler">Draws them; the padding token is never drawn.</param>
    /// <param name="end">Token that ends them and is not among them, -1 for none.</param>
    /// <exception cref="ArgumentOutOfRangeException">The prompt is empty.</exception>
    public IEnumerable<int> Continue(IReadOnlyList<int> prompt, TokenSampler sampler, int end = -1)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(sampler);
        ArgumentOutOfRangeException.ThrowIfZero(prompt.Count, nameof(prompt));
        return Draw(prompt, sampler, end);
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private IEnumerable<int> Draw(IReadOnlyList<int> prompt, TokenSampler sampler, int end)
    {
        float[] logits = new float[_settings.VocabularySize];
        Tensor? states = null;
        try
        {
            foreach (int token in prompt)
            {
                states = Read(token, states, logits);
            }

            uint stream = TokenSampler.StreamOf(prompt);
            for (long position = 0; ; position++)
            {
                int token = sampler.Draw(logits, position, _settings.PaddingId, stream);
                if (token == end)
                {
                    yield break;
                }

                yield return token;
                states = Read(token, states, logits);
            }
        }
        finally
        {
            states?.Dispose();
        }
    }

    /// <summary>Reads one more token.</summary>
    /// <param name="token">Which.</param>
    /// <param name="states">All layers' states before it (layers, 1, S), which are given up; null at the
    /// beginning.</param>
    /// <param name="logits">Receives those of the token after it (V).</param>
    /// <returns>The states after it; they belong to the caller.</returns>
    private Tensor Read(int token, Tensor? states, float[] logits)
    {
        // Here and not around the text: between two tokens the thread is the caller's.
        using var unrecorded = no_grad();
        using var scope = NewDisposeScope();
        var (values, next) = _model.step(tensor(new long[] { token }), states);
        FlatParameters.CopyOut(values, logits);
        states?.Dispose();
        return next.DetachFromDisposeScope();
    }
}
