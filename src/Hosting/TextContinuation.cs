using RnnLm.Data;
using RnnLm.Worker;

namespace RnnLm.Hosting;

/// <summary>Continues prompts with a trained model.</summary>
internal sealed class TextContinuation : IDisposable
{
    /// <summary>What a sample of text for the eye looks best with.</summary>
    private const int SampleTokens = 40;
    private const double SampleTemperature = 0.7;
    private const int SampleTopK = 40;
    private const int GreedyTokens = 20;

    private readonly ITokenizer _tokenizer;
    private readonly TextGenerator _generator;
    private readonly CorpusSettings _settings;
    private readonly bool _hasSentenceTokens;

    /// <summary>A model with these parameters.</summary>
    /// <param name="job">Its sizes and how text becomes ids.</param>
    /// <param name="parameters">All parameters, laid out as the job's model says.</param>
    /// <param name="tokenizer">The job's tokenizer.</param>
    public TextContinuation(Job job, ReadOnlySpan<float> parameters, ITokenizer tokenizer)
    {
        LibTorch.Preload();
        _tokenizer = tokenizer;
        _settings = CorpusSource.SettingsOf(job);
        _hasSentenceTokens = job.Corpus.SentenceTokens;
        _generator = new TextGenerator(job.Model, parameters);
    }

    /// <summary>What follows the prompt.</summary>
    /// <exception cref="RnnLmException">The prompt is empty or has characters that the vocabulary lacks.</exception>
    public string Sample(string prompt, int tokens, double temperature, int topK, long seed)
    {
        int[] ids = _tokenizer.Encode(_settings.Folded(prompt));
        if (_hasSentenceTokens)
        {
            ids = [_tokenizer.StartId, .. ids];
        }

        if (ids.Length == 0)
        {
            throw RnnLmException.Usage("--prompt is empty; give at least one character to go on from");
        }

        var sampler = new TokenSampler(temperature, topK, seed);
        var added = _generator.Continue(ids, tokens, sampler, _hasSentenceTokens ? _tokenizer.EndId : -1);

        // Decoded together: a token's text can depend on those before it.
        string whole = _tokenizer.Decode([.. ids, .. added]);
        string known = _tokenizer.Decode(ids);
        return whole.StartsWith(known, StringComparison.Ordinal) ? whole[known.Length..] : whole;
    }

    /// <summary>A sample with settings that suit the eye; null when the vocabulary lacks characters of the
    /// prompt.</summary>
    public string? TrySample(string prompt, long seed) =>
        Try(() => Sample(prompt, SampleTokens, SampleTemperature, SampleTopK, seed));

    /// <summary>The most likely continuation; null when the vocabulary lacks characters of the prompt.</summary>
    public string? TryGreedy(string prompt) =>
        Try(() => Sample(prompt, GreedyTokens, temperature: 0, topK: 0, seed: 0));

    /// <inheritdoc/>
    public void Dispose() => _generator.Dispose();

    private static string? Try(Func<string> sample)
    {
        try
        {
            return sample();
        }
        catch (RnnLmException)
        {
            return null;
        }
    }
}
