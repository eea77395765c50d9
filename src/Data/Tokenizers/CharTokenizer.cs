using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace RnnLm.Data;

/// <summary>
/// One id a character: the distinct characters of a corpus in the order of their code points get the ids 0, 1, …; a
/// start and an end token, where asked for, come after them. A character is a Unicode scalar value.
/// </summary>
public sealed class CharTokenizer : ITokenizer
{
    /// <summary>The saved file: all characters in the order of their ids, UTF-8, nothing between them.</summary>
    internal const string FileName = "characters.txt";

    private readonly Rune[] _characters;
    private readonly int[] _ids;

    private CharTokenizer(Rune[] characters, bool sentenceTokens)
    {
        _characters = characters;
        _ids = new int[characters[^1].Value + 1];
        _ids.AsSpan().Fill(-1);
        for (int id = 0; id < characters.Length; id++)
        {
            _ids[characters[id].Value] = id;
        }

        (StartId, EndId) = sentenceTokens ? (characters.Length, characters.Length + 1) : (-1, -1);
        VocabularySize = characters.Length + (sentenceTokens ? 2 : 0);
        string domain = sentenceTokens ? "char, start, end\n" : "char\n";
        Hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(domain + Text)));
    }

    public string Spec => "char";
    public string Hash { get; }
    public int VocabularySize { get; }
    public int PaddingId => -1;
    public int UnknownId => -1;
    public int StartId { get; }
    public int EndId { get; }

    public IReadOnlyDictionary<string, byte[]> Files =>
        new Dictionary<string, byte[]> { [FileName] = Encoding.UTF8.GetBytes(Text) };

    private string Text => string.Concat(_characters);

    /// <summary>The tokenizer of these characters, with a start and an end token if asked for.</summary>
    /// <exception cref="RnnLmException">Bad input: there are none.</exception>
    public static CharTokenizer Of(IEnumerable<Rune> characters, bool sentenceTokens = false)
    {
        Rune[] distinct = [.. new SortedSet<Rune>(characters)];
        return distinct.Length > 0
            ? new CharTokenizer(distinct, sentenceTokens)
            : throw RnnLmException.BadInput("the corpus has no text; give a file with characters in it");
    }

    /// <summary>Adds the characters of a stretch of valid UTF-8 to a set.</summary>
    internal static void Collect(ReadOnlySpan<byte> utf8, HashSet<Rune> characters)
    {
        while (!utf8.IsEmpty)
        {
            Rune.DecodeFromUtf8(utf8, out Rune rune, out int consumed);
            characters.Add(rune);
            utf8 = utf8[consumed..];
        }
    }

    public void Encode(ReadOnlySpan<byte> utf8, bool startsText, IBufferWriter<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        Span<int> destination = ids.GetSpan(utf8.Length + 1);
        int count = 0;
        while (!utf8.IsEmpty)
        {
            int code = utf8[0];
            int consumed = 1;
            if (code >= 128)
            {
                Rune.DecodeFromUtf8(utf8, out Rune rune, out consumed);
                code = rune.Value;
            }

            int id = code < _ids.Length ? _ids[code] : -1;
            destination[count++] = id >= 0 ? id : throw Unknown(new Rune(code));
            utf8 = utf8[consumed..];
        }

        ids.Advance(count);
    }

    public string Decode(ReadOnlySpan<int> ids)
    {
        this.RequireIds(ids);
        var text = new StringBuilder(ids.Length);
        foreach (int id in ids)
        {
            if (id < _characters.Length)
            {
                text.Append(_characters[id]);
            }
        }

        return text.ToString();
    }

    /// <summary>Reads what <see cref="Files"/> gave.</summary>
    internal static CharTokenizer Load(string directory, bool sentenceTokens) =>
        Of(
            Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(directory, FileName))).EnumerateRunes(),
            sentenceTokens);

    private RnnLmException Unknown(Rune character)
    {
        string shown = Rune.IsControl(character) ? "" : $"'{character}' ";
        return RnnLmException.BadInput(
            $"the character {shown}(U+{character.Value:X4}) is not among the {_characters.Length} that this model was "
            + "trained on; leave it out, replace it, or train with --tokenizer bpe:N, which takes any text");
    }
}
