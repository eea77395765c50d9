using System.Text;
using RnnLm.Data;
using RnnLm.Worker;

namespace RnnLm.Hosting;

/// <summary>Continues prompts with a trained model. For any threads.</summary>
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

    /// <summary>The ids that a text with this prompt begins with, prepared as the run's corpus was.</summary>
    /// <exception cref="RnnLmException">The prompt is empty or has characters that the vocabulary lacks.</exception>
    public int[] Encode(string prompt)
    {
        int[] ids = _tokenizer.Encode(_settings.Folded(prompt));
        if (_hasSentenceTokens)
        {
            ids = [_tokenizer.StartId, .. ids];
        }

        return ids.Length > 0
            ? ids
            : throw RnnLmException.Usage("--prompt is empty; give at least one character to go on from");
    }

    /// <summary>What follows a prompt: it ends at the end token, where the tokenizer has one.</summary>
    /// <param name="prompt">Of <see cref="Encode"/>.</param>
    /// <param name="tokens">Most tokens to add.</param>
    /// <param name="sampler">Draws them.</param>
    /// <param name="show">Gets the text piece by piece, as it is drawn; null when only the whole is wanted.</param>
    /// <returns>The text, and how many tokens it has.</returns>
    public (string Text, int Tokens) Continue(
        IReadOnlyList<int> prompt, int tokens, TokenSampler sampler, Action<string>? show = null)
    {
        var growing = new GrowingText(_tokenizer, prompt);
        var text = new StringBuilder();
        int count = 0;
        void Append(string piece)
        {
            text.Append(piece);
            show?.Invoke(piece);
        }

        foreach (int id in _generator.Continue(prompt, sampler, _tokenizer.EndId).Take(tokens))
        {
            count++;
            Append(growing.Add(id));
        }

        Append(growing.Finish());
        return (text.ToString(), count);
    }

    /// <summary>A sample with settings that suit the eye; null when the vocabulary lacks characters of the
    /// prompt.</summary>
    public string? TrySample(string prompt, long seed) =>
        Try(prompt, SampleTokens, new TokenSampler(SampleTemperature, SampleTopK, seed));

    /// <summary>The most likely continuation; null when the vocabulary lacks characters of the prompt.</summary>
    public string? TryGreedy(string prompt) =>
        Try(prompt, GreedyTokens, new TokenSampler(temperature: 0, topK: 0, seed: 0));

    /// <inheritdoc/>
    public void Dispose() => _generator.Dispose();

    private string? Try(string prompt, int tokens, TokenSampler sampler)
    {
        try
        {
            return Continue(Encode(prompt), tokens, sampler).Text;
        }
        catch (RnnLmException)
        {
            return null;
        }
    }
}
