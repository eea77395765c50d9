using System.Security.Cryptography;
using System.Text;

namespace RnnLm.Data;

/// <summary>Token files by what they were made from: the corpus' content, the tokenizer and the settings.</summary>
public sealed class TokenFileCache(string cacheDirectory)
{
    // Raised when the same corpus, tokenizer and settings begin to give other ids.
    private const int EncodingVersion = 1;

    /// <summary>The token file, made first if it is missing or damaged.</summary>
    /// <param name="files">The corpus.</param>
    /// <param name="contentHash">Its <see cref="CorpusReader.Hash"/>.</param>
    /// <param name="settings">How its text is prepared.</param>
    /// <param name="tokenizer">Encodes it.</param>
    /// <param name="threads">Most threads that encode; the bytes of the file do not depend on it.</param>
    /// <param name="progress">Receives the bytes of text encoded so far, on the calling thread; never called when the file is there.</param>
    /// <exception cref="RnnLmException">Bad input: the corpus cannot be encoded. Storage: the cache cannot be written.</exception>
    public TokenFile Get(
        CorpusFiles files, string contentHash, CorpusSettings settings, ITokenizer tokenizer, int threads, Action<long>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(tokenizer);
        byte[] key = SHA256.HashData(Encoding.UTF8.GetBytes($"tokens {EncodingVersion}\n{contentHash}\n{tokenizer.Hash}\n{settings.CacheKey}\n"));
        string path = Path.Combine(cacheDirectory, CacheDirectory.Tokens, $"{Convert.ToHexStringLower(key)}.tokens");
        if (TryOpen(path, key) is TokenFile cached)
        {
            return cached;
        }

        var encoder = new CorpusEncoder(files, settings, tokenizer);
        Publishing.File(path, temporary => encoder.Write(temporary, key, contentHash, threads, progress));
        return TryOpen(path, key) ?? throw RnnLmException.Storage($"{path}: cannot be read back after writing; check the disk it lies on");
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
