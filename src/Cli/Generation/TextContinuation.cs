using RnnLm.Checkpoints.Store;
using RnnLm.Data.Tokenizers;
using RnnLm.Model.Generation;
using RnnLm.Shared.Errors;
using RnnLm.Shared.Jobs;
using RnnLm.Shared.Parameters;

namespace RnnLm.Cli.Generation;

/// <summary>Continues prompts with the model of a checkpoint.</summary>
internal sealed class TextContinuation : IDisposable
{
    /// <summary>What a sample of text for the eye looks best with.</summary>
    private const int SampleTokens = 40;
    private const double SampleTemperature = 0.7;
    private const int SampleTopK = 40;

    private readonly ITokenizer _tokenizer;
    private readonly TextGenerator _generator;

    /// <summary>Loads the model of a checkpoint.</summary>
    public TextContinuation(Checkpoint checkpoint, ModelSettings model, ITokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        var layout = ParameterLayout.For(model);
        float[] parameters = new float[layout.Length];
        using (var file = checkpoint.OpenModel())
        {
            file.ReadLayout(layout, parameters);
        }

        _generator = new TextGenerator(model, parameters);
    }

    /// <summary>What follows the prompt.</summary>
    /// <exception cref="RnnLmException">The prompt is empty or has characters that the vocabulary lacks.</exception>
    public string Sample(string prompt, int tokens, double temperature, int topK, long seed)
    {
        int[] ids = _tokenizer.Encode(prompt);
        if (ids.Length == 0)
        {
            throw RnnLmException.BadInput("--prompt is empty; give at least one character to go on from");
        }

        int[] added = _generator.Continue(ids, tokens, new TokenSampler(temperature, topK, seed));

        // Decoded together: a token's text can depend on those before it.
        string whole = _tokenizer.Decode([.. ids, .. added]);
        string known = _tokenizer.Decode(ids);
        return whole.StartsWith(known, StringComparison.Ordinal) ? whole[known.Length..] : whole;
    }

    /// <summary>A sample with settings that suit the eye; null when the vocabulary lacks characters of the prompt.</summary>
    public string? TrySample(string prompt, long seed)
    {
        try
        {
            return Sample(prompt, SampleTokens, SampleTemperature, SampleTopK, seed);
        }
        catch (RnnLmException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _generator.Dispose();
}
