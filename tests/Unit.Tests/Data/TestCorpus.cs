namespace RnnLm.Tests;

/// <summary>Token files of texts given in a test.</summary>
public sealed class TestCorpus : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly List<Corpus> _corpora = [];

    public Corpus Load(string text, ExampleMode mode, string spec)
    {
        string path = _directory.Write($"{_corpora.Count}.txt", text);
        Corpus corpus = new CorpusLoader(Path.Combine(_directory.Path, "cache"), 1)
            .Load([path], new CorpusSettings(mode), TokenizerSpec.Parse(spec));
        _corpora.Add(corpus);
        return corpus;
    }

    /// <summary>A windows corpus of <paramref name="count"/> tokens, no two alike.</summary>
    public TokenFile DistinctTokens(int count) =>
        Load(SampleText.DistinctWords(count), ExampleMode.Windows, "word").Tokens;

    /// <summary>
    /// A sentences corpus of <paramref name="count"/> sentences of two or three tokens, no two alike.
    /// </summary>
    public TokenFile DistinctSentences(int count) =>
        Load(
            string.Concat(Enumerable.Range(0, count).Select(i => i % 2 == 0 ? $"a{i} b{i}\n" : $"a{i} b{i} c{i}\n")),
            ExampleMode.Sentences,
            "word").Tokens;

    public void Dispose()
    {
        _corpora.ForEach(corpus => corpus.Dispose());
        _directory.Dispose();
    }
}
