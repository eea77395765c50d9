namespace RnnLm.Data;

/// <summary>A corpus ready to be cut into examples.</summary>
/// <param name="ContentHash">See <see cref="CorpusReader.ContentHash"/>.</param>
/// <param name="Tokenizer">What its ids mean.</param>
/// <param name="Tokens">Its ids.</param>
public sealed record Corpus(string ContentHash, ITokenizer Tokenizer, TokenFile Tokens) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Tokens.Dispose();
}

/// <summary>
/// From file patterns to a token file: resolves, checks, hashes, makes the tokenizer and encodes, using what the cache
/// directory has of it.
/// </summary>
/// <param name="packages">Where packages come from, and whose cache directory is used for everything.</param>
/// <param name="threads">Most threads to work with; no result depends on it.</param>
/// <param name="progress">Told what is being done and how far it is, 0 to 1, on the calling thread.</param>
/// <param name="name">What to call the corpus there.</param>
public sealed class CorpusLoader(
    PackageStore packages, int threads, Action<string, double>? progress = null, string name = "the corpus")
{
    /// <summary>A loader that works in a cache directory.</summary>
    public CorpusLoader(string cacheDirectory, int threads)
        : this(new PackageStore(cacheDirectory), threads)
    {
    }

    /// <summary>Loads a corpus with a tokenizer of this kind, made from it or from elsewhere.</summary>
    /// <exception cref="RnnLmException">
    /// Usage: settings that exclude each other. Bad input: corpus or model cannot be used. Storage: the cache cannot be
    /// written.
    /// </exception>
    public Corpus Load(IEnumerable<string> patterns, CorpusSettings settings, TokenizerSpec spec) =>
        Load(patterns, settings, (files, contentHash) => new TokenizerFactory(packages, threads)
            .Make(spec, files, contentHash, settings, Report($"making the vocabulary from {name}", files)));

    /// <summary>Loads a corpus with a tokenizer that exists: for validation, evaluation and resumed runs.</summary>
    /// <exception cref="RnnLmException">
    /// Usage: settings that exclude each other. Bad input: the corpus cannot be used. Storage: the cache cannot be
    /// written.
    /// </exception>
    public Corpus Load(IEnumerable<string> patterns, CorpusSettings settings, ITokenizer tokenizer) =>
        Load(patterns, settings, (_, _) => tokenizer);

    private Corpus Load(
        IEnumerable<string> patterns, CorpusSettings settings, Func<CorpusFiles, string, ITokenizer> tokenizerFor)
    {
        settings.Require();
        CacheDirectory.RemoveAbandoned(packages.CacheDirectory);
        CorpusFiles files = CorpusFiles.Resolve(patterns.Select(packages.Find));
        string contentHash = CorpusReader.Hash(files, Report($"reading {name}", files));
        ITokenizer tokenizer = tokenizerFor(files, contentHash);
        TokenFile tokens = new TokenFileCache(packages.CacheDirectory)
            .Get(files, contentHash, settings, tokenizer, threads, Report($"encoding {name}", files));
        return new Corpus(contentHash, tokenizer, tokens);
    }

    private Action<long>? Report(string doing, CorpusFiles files) =>
        progress is null ? null : doneBytes => progress(doing, doneBytes / (double)files.TotalBytes);
}
