using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace RnnLm.Data;

/// <summary>Token files by what they were made from: the corpus' content, the tokenizer and the settings.</summary>
public sealed class TokenFileCache(string cacheDirectory)
{
    // Raised when the same corpus, tokenizer and settings begin to give other ids.
    private const int EncodingVersion = 2;

    /// <summary>The token file, made first if it is missing or damaged.</summary>
    /// <param name="files">The corpus.</param>
    /// <param name="contentHash">Its <see cref="CorpusReader.Hash"/>.</param>
    /// <param name="settings">How its text is prepared.</param>
    /// <param name="tokenizer">Encodes it.</param>
    /// <param name="threads">Most threads that encode; the bytes of the file do not depend on it.</param>
    /// <param name="progress">Receives the bytes of text encoded so far, unless the file is there.</param>
    /// <exception cref="RnnLmException">Bad input: the text cannot be encoded. Storage: no writing.</exception>
    public TokenFile Get(
        CorpusFiles files,
        string contentHash,
        CorpusSettings settings,
        ITokenizer tokenizer,
        int threads,
        Action<long>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(tokenizer);
        string made = $"tokens {EncodingVersion}\n{contentHash}\n{tokenizer.Hash}\n{settings.CacheKey}\n";
        byte[] key = SHA256.HashData(Encoding.UTF8.GetBytes(made));
        string path = Path.Combine(cacheDirectory, CacheDirectory.Tokens, $"{Convert.ToHexStringLower(key)}.tokens");
        if (TryOpen(path, key) is TokenFile cached)
        {
            return cached;
        }

        var encoder = new CorpusEncoder(files, settings, tokenizer);
        Publishing.File(path, temporary => encoder.Write(temporary, key, contentHash, threads, progress));
        return TryOpen(path, key)
            ?? throw RnnLmException.Storage($"{path}: cannot be read back after writing; check the disk it lies on");
    }

    private static TokenFile? TryOpen(string path, byte[] key)
    {
        try
        {
            return File.Exists(path) ? TokenFile.Open(path, key) : null;
        }
        catch (Exception failure) when (failure is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            // Whatever ails it, making it again is the cure; where that fails too, the user is told.
            return null;
        }
    }
}

/// <summary>Encodes a corpus into a token file whose bytes are the same for any number of threads.</summary>
internal sealed class CorpusEncoder(CorpusFiles files, CorpusSettings settings, ITokenizer tokenizer)
{
    // An example is an input and its target.
    private const int FewestTokens = 2;

    /// <summary>Writes the token file.</summary>
    /// <param name="path">A file that does not exist yet.</param>
    /// <param name="key">Stored in it.</param>
    /// <param name="contentHash">What the corpus held when the caller read it.</param>
    /// <param name="threads">Blocks that are encoded at once.</param>
    /// <param name="progress">Receives the bytes of text done.</param>
    /// <exception cref="RnnLmException">Bad input: the corpus cannot be read or encoded, or has changed.</exception>
    public void Write(string path, byte[] key, string contentHash, int threads, Action<long>? progress)
    {
        if (settings.SentenceTokens && tokenizer is not { StartId: >= 0, EndId: >= 0 })
        {
            throw new InvalidOperationException($"{tokenizer.Spec} was made without start and end tokens.");
        }

        using var writer = new TokenFileWriter(path, settings.Mode, tokenizer.VocabularySize, key);
        var reader = new CorpusReader(files, settings);
        long bytes = 0;
        OrderedPipeline.Run(
            reader.Blocks(),
            block => (Encoded: Encode(block), block.FileBytes),
            block =>
            {
                writer.Append(block.Encoded.Ids.WrittenSpan, block.Encoded.SentenceLengths);
                bytes += block.FileBytes;
                progress?.Invoke(bytes);
            },
            threads);
        if (reader.ContentHash != contentHash)
        {
            string others = files.Paths.Count > 1 ? " or a file after it" : "";
            throw RnnLmException.BadInput(
                $"{files.Paths[0]}{others}: changed while it was read; start again when it is complete");
        }

        writer.Complete();
    }

    private (ArrayBufferWriter<int> Ids, List<int> SentenceLengths) Encode(TextBlock block)
    {
        TextSegments segments = TextSegments.Of(block, settings);
        var ids = new ArrayBufferWriter<int>(Math.Max(1, block.FileBytes / 3));
        var sentenceLengths = new List<int>();
        var sentence = new ArrayBufferWriter<int>();
        for (int i = 0; i < segments.Count; i++)
        {
            if (settings.Mode == ExampleMode.Windows)
            {
                Encode(block, segments, i, startsText: block.StartsText && i == 0, ids);
                continue;
            }

            sentence.ResetWrittenCount();
            Encode(block, segments, i, startsText: true, sentence);
            int length = sentence.WrittenCount + (settings.SentenceTokens ? 2 : 0);
            if (sentence.WrittenCount > 0 && length >= FewestTokens)
            {
                ids.Write(settings.SentenceTokens ? [tokenizer.StartId] : []);
                ids.Write(sentence.WrittenSpan);
                ids.Write(settings.SentenceTokens ? [tokenizer.EndId] : []);
                sentenceLengths.Add(length);
            }
        }

        return (ids, sentenceLengths);
    }

    /// <summary>Encodes a segment; what is wrong with it is told with its place.</summary>
    private void Encode(TextBlock block, TextSegments segments, int index, bool startsText, ArrayBufferWriter<int> ids)
    {
        try
        {
            tokenizer.Encode(segments[index], startsText, ids);
        }
        catch (RnnLmException failure) when (failure.ExitCode == ExitCode.BadInput)
        {
            string line = segments.LineOf(index).ToString(CultureInfo.InvariantCulture);
            throw RnnLmException.BadInput($"{block.Path}, line {line}: {failure.Message}", failure);
        }
    }
}
