namespace RnnLm.Worker;

/// <summary>Auto-regression: the model reads a prompt and then its own draws, one token at a time.</summary>
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

    /// <summary>The tokens that follow a prompt.</summary>
    /// <param name="prompt">At least one token.</param>
    /// <param name="count">Tokens to draw.</param>
    /// <param name="sampler">Draws them; the padding token is never drawn.</param>
    /// <param name="end">Token after which nothing more is drawn, -1 for none.</param>
    public IReadOnlyList<int> Continue(ReadOnlySpan<int> prompt, int count, TokenSampler sampler, int end = -1)
    {
        ArgumentNullException.ThrowIfNull(sampler);
        ArgumentOutOfRangeException.ThrowIfZero(prompt.Length, nameof(prompt));
        using var unrecorded = no_grad();
        using var scope = NewDisposeScope();
        Tensor? states = null;
        float[] logits = [];
        foreach (int token in prompt)
        {
            (logits, states) = Read(token, states);
        }

        var drawn = new List<int>();
        while (drawn.Count < count)
        {
            int token = sampler.Draw(logits, drawn.Count, _settings.PaddingId);
            drawn.Add(token);
            if (token == end)
            {
                break;
            }

            (logits, states) = Read(token, states);
        }

        return drawn;
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private (float[] Logits, Tensor States) Read(int token, Tensor? states)
    {
        using var scope = NewDisposeScope();
        var (logits, next) = _model.step(tensor(new long[] { token }), states);
        float[] values = new float[_settings.VocabularySize];
        FlatParameters.CopyOut(logits, values);
        states?.Dispose();
        return (values, scope.MoveToOuter(next));
    }
}
