using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace RnnLm.Data;

/// <summary>
/// One id a word (rows B10 and C4 of the reference material): 0 padding, 1 unknown, where asked for 2 start and 3 end, then words by falling
/// frequency, ties in ordinal order.
/// White space is not kept: decoding puts single spaces between words and none before closing punctuation.
/// </summary>
public sealed class WordTokenizer : ITokenizer
{
    /// <summary>The saved file: one word a line in the order of their ids.</summary>
    internal const string FileName = "words.txt";

    private const string HashDomain = "word\n";
    private const string SentenceTokensHashDomain = "word, start, end\n";
    private const string Padding = "<pad>";
    private const int IdAfterUnknown = 2;

    private readonly int _firstWordId;
    private readonly string[] _words;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;

    private WordTokenizer(string[] words, string spec, bool sentenceTokens)
    {
        _words = words;
        _firstWordId = sentenceTokens ? IdAfterUnknown + 2 : IdAfterUnknown;
        StartId = sentenceTokens ? IdAfterUnknown : -1;
        EndId = sentenceTokens ? IdAfterUnknown + 1 : -1;
        Spec = spec;
        var ids = new Dictionary<string, int>(words.Length, StringComparer.Ordinal);
        for (int i = 0; i < words.Length; i++)
        {
            ids.Add(words[i], _firstWordId + i);
        }

        _ids = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        Hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes((sentenceTokens ? SentenceTokensHashDomain : HashDomain) + string.Join('\n', words))));
    }

    /// <inheritdoc/>
    public string Spec { get; }

    /// <inheritdoc/>
    public string Hash { get; }

    /// <inheritdoc/>
    public int VocabularySize => _firstWordId + _words.Length;

    /// <inheritdoc/>
    public int PaddingId => 0;

    /// <inheritdoc/>
    public int UnknownId => 1;

    /// <inheritdoc/>
    public int StartId { get; }

    /// <inheritdoc/>
    public int EndId { get; }

    /// <summary>The tokenizer of the <paramref name="most"/> most frequent words, or of all, with a start and an end token if asked for.</summary>
    /// <exception cref="RnnLmException">Bad input: there are none.</exception>
    public static WordTokenizer Of(IReadOnlyDictionary<string, long> counts, int? most, bool sentenceTokens = false)
    {
        IEnumerable<string> words = counts
            .Where(entry => entry.Key != WordSplitter.Unknown)
            .OrderByDescending(entry => entry.Value)
            .ThenBy(entry => entry.Key, StringComparer.Ordinal)
            .Select(entry => entry.Key)
            .Take(most ?? int.MaxValue);
        string[] kept = [.. words];
        return kept.Length > 0
            ? new WordTokenizer(kept, new TokenizerSpec(TokenizerKind.Words, most).ToString(), sentenceTokens)
            : throw RnnLmException.BadInput("the corpus has no words; give a file with text in it");
    }

    /// <summary>Counts the words of a stretch of valid UTF-8.</summary>
    internal static void Count(ReadOnlySpan<byte> utf8, Dictionary<string, long> counts)
    {
        Dictionary<string, long>.AlternateLookup<ReadOnlySpan<char>> lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (ReadOnlySpan<char> word in new WordSplitter(Encoding.UTF8.GetString(utf8)))
        {
            lookup.TryGetValue(word, out long count);
            lookup[word] = count + 1;
        }
    }

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<byte> utf8, bool startsText, IBufferWriter<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        foreach (ReadOnlySpan<char> word in new WordSplitter(Encoding.UTF8.GetString(utf8)))
        {
            ids.GetSpan(1)[0] = _ids.TryGetValue(word, out int id) ? id : UnknownId;
            ids.Advance(1);
        }
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids)
    {
        this.RequireIds(ids);
        var text = new StringBuilder();
        bool opened = true;
        foreach (int id in ids)
        {
            if (id == StartId || id == EndId)
            {
                continue;
            }

            string word = id == PaddingId ? Padding : id == UnknownId ? WordSplitter.Unknown : _words[id - _firstWordId];
            bool closes = word is "." or "," or ";" or ":" or "!" or "?" or ")" or "]" or "}" or "%" or "”" or "’";
            if (!opened && !closes)
            {
                text.Append(' ');
            }

            text.Append(word);
            opened = word is "(" or "[" or "{" or "“" or "‘" or "$";
        }

        return text.ToString();
    }

    /// <inheritdoc/>
    public void Save(string directory) =>
        File.WriteAllBytes(Path.Combine(directory, FileName), Encoding.UTF8.GetBytes(string.Concat(_words.Select(word => word + "\n"))));

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    internal static WordTokenizer Load(string directory, string spec, bool sentenceTokens)
    {
        string[] words = File.ReadAllText(Path.Combine(directory, FileName)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return words.Distinct(StringComparer.Ordinal).Count() == words.Length
            ? new WordTokenizer(words, spec, sentenceTokens)
            : throw new InvalidDataException("a word occurs twice");
    }
}
