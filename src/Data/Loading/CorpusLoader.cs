namespace RnnLm.Data;

/// <summary>From file patterns to a token file: resolves, checks, hashes, makes the tokenizer and encodes, using what the cache directory has of it.</summary>
/// <param name="cacheDirectory">See <see cref="CacheDirectory"/>.</param>
/// <param name="threads">Most threads to work with; no result depends on it.</param>
/// <param name="npm">See <see cref="PackageStore"/>.</param>
/// <param name="progress">Told how far each phase has come, on the calling thread.</param>
public sealed class CorpusLoader(string cacheDirectory, int threads, Action<LoadProgress>? progress = null, string npm = "npm")
{
    /// <summary>Loads a corpus with a tokenizer of this kind, made from it or from elsewhere.</summary>
    /// <exception cref="RnnLmException">Usage: settings that exclude each other. Bad input: corpus or model cannot be used. Storage: the cache cannot be written.</exception>
    public Corpus Load(IEnumerable<string> patterns, CorpusSettings settings, TokenizerSpec spec)
    {
        var factory = new TokenizerFactory(cacheDirectory, threads);
        return Load(patterns, settings, (files, contentHash) => factory.Make(spec, files, contentHash, settings, Report(LoadPhase.Vocabulary, files)));
    }

    /// <summary>Loads a corpus with a tokenizer that exists: for validation, evaluation and resumed runs.</summary>
    /// <exception cref="RnnLmException">Usage: settings that exclude each other. Bad input: the corpus cannot be used. Storage: the cache cannot be written.</exception>
    public Corpus Load(IEnumerable<string> patterns, CorpusSettings settings, ITokenizer tokenizer) => Load(patterns, settings, (_, _) => tokenizer);

    private Corpus Load(IEnumerable<string> patterns, CorpusSettings settings, Func<CorpusFiles, string, ITokenizer> tokenizerFor)
    {
        settings.Require();
        CacheDirectory.RemoveAbandoned(cacheDirectory);
        CorpusFiles files = CorpusFiles.Resolve(patterns.Select(new PackageStore(cacheDirectory, npm).Find));
        string contentHash = CorpusReader.Hash(files, Report(LoadPhase.Reading, files));
        ITokenizer tokenizer = tokenizerFor(files, contentHash);
        TokenFile tokens = new TokenFileCache(cacheDirectory).Get(files, contentHash, settings, tokenizer, threads, Report(LoadPhase.Encoding, files));
        return new Corpus(contentHash, tokenizer, tokens);
    }

    private Action<long>? Report(LoadPhase phase, CorpusFiles files) =>
        progress is null ? null : doneBytes => progress(new LoadProgress(phase, doneBytes, files.TotalBytes));
}
