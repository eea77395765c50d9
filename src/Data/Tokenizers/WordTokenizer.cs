using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace RnnLm.Data;

/// <summary>
/// One id a word: 0 padding, 1 unknown, then the tokens of sentences or lines, then words by falling frequency, ties in
/// ordinal order. <c>word</c>: words and punctuation marks; line ends are white space. <c>space</c>: what stands
/// between white space, as published word-level corpora are counted, each line end being the token <c>&lt;eos&gt;</c>.
/// White space is not kept: decoding puts single spaces between words and, for <c>word</c>, none before closing
/// punctuation.
/// </summary>
public sealed class WordTokenizer : ITokenizer
{
    /// <summary>How corpora write a word that is not in the vocabulary.</summary>
    public const string Unknown = "<unk>";

    /// <summary>The saved file: one word a line in the order of their ids.</summary>
    internal const string FileName = "words.txt";

    private const string Padding = "<pad>";
    private const string LineEnd = "<eos>";

    private readonly bool _spaceOnly;
    private readonly int _lineId;
    private readonly int _firstWordId;
    private readonly string[] _words;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;

    private WordTokenizer(string[] words, TokenizerSpec spec, bool sentenceTokens)
    {
        _words = words;
        _spaceOnly = spec.Kind == TokenizerKind.SpacedWords;
        Spec = spec.ToString();
        int next = UnknownId + 1;
        (StartId, EndId) = sentenceTokens ? (next++, next++) : (-1, -1);
        _lineId = !_spaceOnly ? -1 : sentenceTokens ? EndId : next++;
        _firstWordId = next;
        var ids = new Dictionary<string, int>(words.Length, StringComparer.Ordinal);
        for (int i = 0; i < words.Length; i++)
        {
            ids.Add(words[i], _firstWordId + i);
        }

        if (_spaceOnly)
        {
            (ids["\n"], ids[LineEnd]) = (_lineId, _lineId);
        }

        _ids = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        string domain = (_spaceOnly ? "space" : "word") + (sentenceTokens ? ", start, end\n" : "\n");
        Hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(domain + string.Join('\n', words))));
    }

    public string Spec { get; }
    public string Hash { get; }
    public int VocabularySize => _firstWordId + _words.Length;
    public int PaddingId => 0;
    public int UnknownId => 1;
    public int StartId { get; }
    public int EndId { get; }

    public IReadOnlyDictionary<string, byte[]> Files => new Dictionary<string, byte[]>
    {
        [FileName] = Encoding.UTF8.GetBytes(string.Concat(_words.Select(word => word + "\n"))),
    };

    /// <summary>The tokenizer of the most frequent words, as many as the spec says.</summary>
    /// <exception cref="RnnLmException">Bad input: there are none.</exception>
    public static WordTokenizer Of(
        IReadOnlyDictionary<string, long> counts, TokenizerSpec spec, bool sentenceTokens = false)
    {
        bool linesEnd = spec.Kind == TokenizerKind.SpacedWords;
        IEnumerable<string> words = counts
            .Where(entry => entry.Key != Unknown && !(linesEnd && entry.Key is LineEnd or "\n"))
            .OrderByDescending(entry => entry.Value)
            .ThenBy(entry => entry.Key, StringComparer.Ordinal)
            .Select(entry => entry.Key)
            .Take(spec.Size ?? int.MaxValue);
        string[] kept = [.. words];
        return kept.Length > 0
            ? new WordTokenizer(kept, spec, sentenceTokens)
            : throw RnnLmException.BadInput("the corpus has no words; give a file with text in it");
    }

    /// <summary>Counts the words of a stretch of valid UTF-8.</summary>
    internal static void Count(ReadOnlySpan<byte> utf8, bool spaceOnly, Dictionary<string, long> counts)
    {
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (ReadOnlySpan<char> word in new WordSplitter(Encoding.UTF8.GetString(utf8), spaceOnly))
        {
            CollectionsMarshal.GetValueRefOrAddDefault(lookup, word, out _)++;
        }
    }

    public void Encode(ReadOnlySpan<byte> utf8, bool startsText, IBufferWriter<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        foreach (ReadOnlySpan<char> word in new WordSplitter(Encoding.UTF8.GetString(utf8), _spaceOnly))
        {
            ids.GetSpan(1)[0] = _ids.TryGetValue(word, out int id) ? id : UnknownId;
            ids.Advance(1);
        }
    }

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

            string word = id == PaddingId ? Padding
                : id == UnknownId ? Unknown
                : id == _lineId ? "\n"
                : _words[id - _firstWordId];
            bool isMark = !_spaceOnly && word.Length == 1;
            bool closes = word == "\n" || (isMark && ".,;:!?)]}%”’".Contains(word[0]));
            if (!opened && !closes)
            {
                text.Append(' ');
            }

            text.Append(word);
            opened = word == "\n" || (isMark && "([{“‘$".Contains(word[0]));
        }

        return text.ToString();
    }

    /// <summary>Reads what <see cref="Files"/> gave.</summary>
    internal static WordTokenizer Load(string directory, string spec, bool sentenceTokens)
    {
        // Not ReadAllText, which would take a word that begins with U+FEFF for a byte order mark.
        string text = Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(directory, FileName)));
        string[] words = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return words.Distinct(StringComparer.Ordinal).Count() == words.Length
            ? new WordTokenizer(words, TokenizerSpec.Parse(spec), sentenceTokens)
            : throw new InvalidDataException("a word occurs twice");
    }
}

/// <summary>
/// Splits text into words and punctuation marks. A word is a run of letters, marks, digits, <c>_</c> and <c>#</c>
/// (folded digits), with apostrophes and hyphens inside it; <c>&lt;unk&gt;</c>, which published word-level corpora
/// contain, is one; every other character that is not white space stands alone.
/// </summary>
/// <param name="text">The text.</param>
/// <param name="spaceOnly">Words are what stands between white space instead, and each line feed is one, too.</param>
public ref struct WordSplitter(ReadOnlySpan<char> text, bool spaceOnly = false)
{
    private ReadOnlySpan<char> _rest = text;

    /// <summary>The word that <see cref="MoveNext"/> found.</summary>
    public ReadOnlySpan<char> Current { get; private set; }

    /// <summary>For <c>foreach</c>.</summary>
    public readonly WordSplitter GetEnumerator() => this;

    /// <summary>Goes on to the next word; false at the end.</summary>
    public bool MoveNext()
    {
        int start = 0;
        while (start < _rest.Length && char.IsWhiteSpace(_rest[start]) && !(spaceOnly && _rest[start] == '\n'))
        {
            start++;
        }

        _rest = _rest[start..];
        if (_rest.IsEmpty)
        {
            return false;
        }

        bool isUnknown = _rest.StartsWith(WordTokenizer.Unknown, StringComparison.Ordinal);
        int length = spaceOnly ? SpacedLength(_rest) : isUnknown ? WordTokenizer.Unknown.Length : WordLength(_rest);
        Current = _rest[..length];
        _rest = _rest[length..];
        return true;
    }

    private static int SpacedLength(ReadOnlySpan<char> text)
    {
        int length = 1;
        while (text[0] != '\n' && length < text.Length && !char.IsWhiteSpace(text[length]))
        {
            length++;
        }

        return length;
    }

    private static int WordLength(ReadOnlySpan<char> text)
    {
        int length = 0;
        while (length < text.Length)
        {
            bool goesOn = length + 1 < text.Length;
            int characters = char.IsHighSurrogate(text[length]) && goesOn ? 2 : 1;
            bool joins = length > 0 && text[length] is '\'' or '’' or '-' && goesOn
                && IsWordCharacter(text[(length + 1)..]);
            if (!joins && !IsWordCharacter(text[length..]))
            {
                return length > 0 ? length : characters;
            }

            length += characters;
        }

        return length;
    }

    private static bool IsWordCharacter(ReadOnlySpan<char> text)
    {
        char first = text[0];
        if (char.IsAscii(first))
        {
            return char.IsAsciiLetterOrDigit(first) || first is '_' or '#';
        }

        Rune.DecodeFromUtf16(text, out Rune rune, out _);
        return Rune.IsLetter(rune) || Rune.IsNumber(rune) || Rune.GetUnicodeCategory(rune)
            is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;
    }
}
