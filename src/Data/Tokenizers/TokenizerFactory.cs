using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace RnnLm.Data;

/// <summary>
/// Makes tokenizers: from a corpus (kept in the cache directory), from a model file, from the npm package with LLaMA's
/// pieces, or published ones that the library brings.
/// </summary>
public sealed class TokenizerFactory(PackageStore packages, int threads)
{
    // Raised when the same corpus and spec begin to give another vocabulary.
    private const int VocabularyVersion = 2;

    /// <summary>The tokenizer that <paramref name="spec"/> names.</summary>
    /// <param name="spec">What kind.</param>
    /// <param name="files">The corpus, for kinds that are made from one.</param>
    /// <param name="contentHash">Its <see cref="CorpusReader.Hash"/>.</param>
    /// <param name="settings">How its text is prepared.</param>
    /// <param name="progress">Receives the bytes of text looked at so far.</param>
    /// <exception cref="RnnLmException">Bad input: corpus, model file or package cannot be used.</exception>
    public ITokenizer Make(
        TokenizerSpec spec,
        CorpusFiles files,
        string contentHash,
        CorpusSettings settings,
        Action<long>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(settings);
        ITokenizer tokenizer = spec.IsTrained ? Trained(spec, files, contentHash, settings, progress) : Fixed(spec);
        return !settings.SentenceTokens || tokenizer is { StartId: >= 0, EndId: >= 0 }
            ? tokenizer
            : throw RnnLmException.BadInput(
                $"{spec.Name}: has no start and end tokens, which --sentence-tokens needs; give "
                + "--sentence-tokens false, or use a model that was trained with bos_id and eos_id");
    }

    /// <summary>A tokenizer that needs no corpus.</summary>
    /// <exception cref="RnnLmException">Bad input: model file or package cannot be used.</exception>
    public ITokenizer Fixed(TokenizerSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.Kind == TokenizerKind.Published)
        {
            return ByteLevelTokenizer.Of(spec.Name!);
        }

        byte[] model = spec.Name is null ? LlamaPieces.FromNpm(packages) : SentencePieceTokenizer.ReadModel(spec.Name);
        try
        {
            return spec.Kind == TokenizerKind.Llama
                ? LlamaPieces.Tokenizer(model)
                : SentencePieceTokenizer.Of(model, spec.ToString());
        }
        catch (InvalidDataException failure)
        {
            string source = spec.Name ?? NpmPackage.LlamaTokenizer.ToString();
            string reason = failure.Message.ReplaceLineEndings(" ");
            throw RnnLmException.BadInput(
                $"{source}: cannot be used as a SentencePiece model: {reason}; give another .model file", failure);
        }
    }

    private ITokenizer Trained(
        TokenizerSpec spec, CorpusFiles files, string contentHash, CorpusSettings settings, Action<long>? progress)
    {
        string made = $"vocabulary {VocabularyVersion}\n{contentHash}\n{spec}\n{settings.CacheKey}\n";
        string name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(made)));
        string directory = Path.Combine(packages.CacheDirectory, CacheDirectory.Tokenizers, name);
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
                $"the cached vocabulary '{directory}' is damaged and cannot be removed ({failure.Message}); "
                + $"remove it, or name another cache in {CacheDirectory.Variable}",
                failure);
        }
    }

    private ITokenizer Train(
        TokenizerSpec spec, CorpusReader reader, CorpusSettings settings, long corpusBytes, Action<long>? progress)
    {
        if (spec.Kind == TokenizerKind.Characters)
        {
            var characters = new HashSet<Rune>();
            Collect<HashSet<Rune>>(reader.Blocks(), settings, CharTokenizer.Collect, characters.UnionWith, progress);
            return CharTokenizer.Of(characters, settings.SentenceTokens);
        }

        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        void Add(Dictionary<string, long> found)
        {
            foreach ((string word, long count) in found)
            {
                CollectionsMarshal.GetValueRefOrAddDefault(counts, word, out _) += count;
            }
        }

        if (spec.Kind == TokenizerKind.BytePairs)
        {
            // Of a large corpus blocks that are spread evenly over it.
            long every = Math.Max(1, corpusBytes / BytePairTraining.MostTextBytes);
            IEnumerable<TextBlock> sample = reader.Blocks().Where((_, index) => index % every == 0);
            Collect<Dictionary<string, long>>(sample, settings, BytePairTraining.Count, Add, progress);
            return BytePairTraining.Train(spec.Size!.Value, counts, settings.SentenceTokens);
        }

        bool spaceOnly = spec.Kind == TokenizerKind.SpacedWords;
        Collect<Dictionary<string, long>>(
            reader.Blocks(), settings, (utf8, words) => WordTokenizer.Count(utf8, spaceOnly, words), Add, progress);
        return WordTokenizer.Of(counts, spec, settings.SentenceTokens);
    }

    /// <summary>Looks through blocks on all threads and hands what was found in each to the caller, in order.</summary>
    private void Collect<TFound>(
        IEnumerable<TextBlock> blocks,
        CorpusSettings settings,
        SegmentAction<TFound> look,
        Action<TFound> add,
        Action<long>? progress)
        where TFound : new()
    {
        long bytes = 0;
        OrderedPipeline.Run(
            blocks,
            block =>
            {
                TextSegments segments = TextSegments.Of(block, settings);
                var found = new TFound();
                for (int i = 0; i < segments.Count; i++)
                {
                    look(segments[i], found);
                }

                return (Found: found, block.FileBytes);
            },
            result =>
            {
                add(result.Found);
                progress?.Invoke(bytes += result.FileBytes);
            },
            threads);
    }

    private delegate void SegmentAction<in TFound>(ReadOnlySpan<byte> utf8, TFound found);
}
