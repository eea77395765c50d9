using System.Security.Cryptography;
using System.Text;

namespace RnnLm.Data;

/// <summary>Makes tokenizers: from a corpus (kept in the cache directory), from a model file, or from the npm package with LLaMA's pieces.</summary>
public sealed class TokenizerFactory(string cacheDirectory, int threads)
{
    // Raised when the same corpus and spec begin to give another vocabulary.
    private const int VocabularyVersion = 1;

    /// <summary>The tokenizer that <paramref name="spec"/> names.</summary>
    /// <param name="spec">What kind.</param>
    /// <param name="files">The corpus, for kinds that are made from one.</param>
    /// <param name="contentHash">Its <see cref="CorpusReader.Hash"/>.</param>
    /// <param name="settings">How its text is prepared.</param>
    /// <param name="progress">Receives the bytes of text looked at so far; never called when nothing is trained.</param>
    /// <exception cref="RnnLmException">Bad input: corpus, model file or package cannot be used.</exception>
    public ITokenizer Make(TokenizerSpec spec, CorpusFiles files, string contentHash, CorpusSettings settings, Action<long>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(settings);
        ITokenizer tokenizer = spec.IsTrained ? Trained(spec, files, contentHash, settings, progress) : Fixed(spec);
        return !settings.SentenceTokens || tokenizer is { StartId: >= 0, EndId: >= 0 }
            ? tokenizer
            : throw RnnLmException.BadInput(
                $"{spec.ModelPath}: has no start and end tokens, which --sentence-tokens needs; leave the option out, or use a model that was trained with bos_id and eos_id");
    }

    /// <summary>A tokenizer that needs no corpus.</summary>
    /// <exception cref="RnnLmException">Bad input: model file or package cannot be used.</exception>
    public SentencePieceTokenizer Fixed(TokenizerSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        string? path = spec.ModelPath;
        byte[] model = path is null ? LlamaPieces.FromNpm(new PackageStore(cacheDirectory)) : SentencePieceTokenizer.ReadModel(path);
        try
        {
            return spec.Kind == TokenizerKind.Llama ? LlamaPieces.Tokenizer(model) : SentencePieceTokenizer.Of(model, spec.ToString());
        }
        catch (InvalidDataException failure)
        {
            throw RnnLmException.BadInput($"{path ?? NpmPackage.LlamaTokenizer.ToString()}: cannot be used as a SentencePiece model: {failure.Message}; give another .model file", failure);
        }
    }

    private ITokenizer Trained(TokenizerSpec spec, CorpusFiles files, string contentHash, CorpusSettings settings, Action<long>? progress)
    {
        byte[] key = SHA256.HashData(Encoding.UTF8.GetBytes($"vocabulary {VocabularyVersion}\n{contentHash}\n{spec}\n{settings.CacheKey}\n"));
        string directory = Path.Combine(cacheDirectory, CacheDirectory.Tokenizers, Convert.ToHexStringLower(key));
        if (TryLoad(directory) is ITokenizer cached)
        {
            return cached;
        }

        ITokenizer tokenizer = Train(spec, new CorpusReader(files, settings), settings, files.TotalBytes, progress);
        Publishing.Directory(directory, temporary => TokenizerDirectory.Save(tokenizer, temporary));
        return tokenizer;
    }

    /// <summary>The cached tokenizer; a damaged one is removed, so that it is made again.</summary>
    private static ITokenizer? TryLoad(string directory)
    {
        if (!Directory.Exists(directory))
        {
            return null;
        }

        try
        {
            return TokenizerDirectory.Load(directory);
        }
        catch (RnnLmException)
        {
            Discard(directory);
            return null;
        }
    }

    private static void Discard(string directory)
    {
        try
        {
            Directory.Delete(directory, recursive: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.Storage(
                $"the cached vocabulary '{directory}' is damaged and cannot be removed ({failure.Message}); remove it, or name another cache in {CacheDirectory.Variable}", failure);
        }
    }

    private ITokenizer Train(TokenizerSpec spec, CorpusReader reader, CorpusSettings settings, long corpusBytes, Action<long>? progress)
    {
        long done = 0;
        void Looked(int bytes)
        {
            done += bytes;
            progress?.Invoke(done);
        }

        switch (spec.Kind)
        {
            case TokenizerKind.Characters:
                var characters = new HashSet<Rune>();
                OrderedPipeline.Run(
                    reader.Blocks(),
                    block => (Found: CharactersOf(TextSegments.Of(block, settings)), block.FileBytes),
                    result =>
                    {
                        characters.UnionWith(result.Found);
                        Looked(result.FileBytes);
                    },
                    threads);
                return CharTokenizer.Of(characters, settings.SentenceTokens);

            case TokenizerKind.Words:
                var counts = new Dictionary<string, long>(StringComparer.Ordinal);
                OrderedPipeline.Run(
                    reader.Blocks(),
                    block => (Counts: CountsOf(TextSegments.Of(block, settings)), block.FileBytes),
                    result =>
                    {
                        foreach ((string word, long count) in result.Counts)
                        {
                            counts[word] = counts.GetValueOrDefault(word) + count;
                        }

                        Looked(result.FileBytes);
                    },
                    threads);
                return WordTokenizer.Of(counts, spec.Size, settings.SentenceTokens);

            default:
                IEnumerable<TextSegments> segments = reader.Blocks().Select(block =>
                {
                    Looked(block.FileBytes);
                    return TextSegments.Of(block, settings);
                });
                return SentencePieceTokenizer.Of(BytePairTraining.Train(spec.Size!.Value, segments, corpusBytes), spec.ToString());
        }
    }

    private static HashSet<Rune> CharactersOf(TextSegments segments)
    {
        var characters = new HashSet<Rune>();
        for (int i = 0; i < segments.Count; i++)
        {
            CharTokenizer.Collect(segments[i], characters);
        }

        return characters;
    }

    private static Dictionary<string, long> CountsOf(TextSegments segments)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        for (int i = 0; i < segments.Count; i++)
        {
            WordTokenizer.Count(segments[i], counts);
        }

        return counts;
    }
}
