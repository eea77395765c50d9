using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.ML.Tokenizers;

namespace RnnLm.Data;

/// <summary>
/// Byte-pair tokens over bytes, so that any text has ids and comes back: <c>bpe:N</c>, trained by <see
/// cref="BytePairTraining"/>, and the published vocabularies <c>gpt2</c>, <c>cl100k</c> and <c>o200k</c>. Special
/// tokens are ids that text never encodes to, also not text that spells one.
/// </summary>
public sealed class ByteLevelTokenizer : ITokenizer
{
    /// <summary>
    /// The saved file of <c>bpe:N</c> that it is loaded from; vocab.json and tokenizer.json say the same for other
    /// programs.
    /// </summary>
    internal const string MergesFile = "merges.txt";

    private const string MergesHeader = "#version: 0.2";
    private const string Start = "<s>";
    private const string End = "</s>";

    // Vocabularies as the library names them: the ids in use and in between, and the token that begins and ends texts.
    private static readonly Dictionary<string, (string Encoding, int Size, int EndOfText)> Published = new()
    {
        ["gpt2"] = ("r50k_base", 50_257, 50_256),
        ["cl100k"] = ("cl100k_base", 100_277, 100_257),
        ["o200k"] = ("o200k_base", 200_019, 199_999),
    };

    private readonly Tokenizer _library;
    private readonly string[] _specialTokens;

    private ByteLevelTokenizer(Tokenizer library, string spec, string identity, int size, int start, int end)
    {
        (_library, Spec, VocabularySize, StartId, EndId) = (library, spec, size, start, end);
        _specialTokens = library is TiktokenTokenizer { SpecialTokens: { } special } ? [.. special.Keys] : [];
        Hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity)));
    }

    public string Spec { get; }
    public string Hash { get; }
    public int VocabularySize { get; }
    public int PaddingId => -1;
    public int UnknownId => -1;
    public int StartId { get; }
    public int EndId { get; }

    public IReadOnlyDictionary<string, byte[]> Files { get; private init; } = new Dictionary<string, byte[]>();

    /// <summary>A published vocabulary.</summary>
    /// <param name="name">gpt2, cl100k or o200k.</param>
    /// <exception cref="InvalidDataException">Another name.</exception>
    public static ByteLevelTokenizer Of(string name)
    {
        (string encoding, int size, int endOfText) = Published.TryGetValue(name, out var published)
            ? published
            : throw new InvalidDataException($"no vocabulary '{name}' is known");
        Tokenizer library = name == "gpt2"
            ? TiktokenTokenizer.CreateForModel(name)
            : TiktokenTokenizer.CreateForEncoding(encoding);
        return new ByteLevelTokenizer(library, name, $"tiktoken\n{encoding}\n", size, endOfText, endOfText);
    }

    /// <summary>The tokenizer of these merges; a start and an end token, where asked for, have the last ids.</summary>
    internal static ByteLevelTokenizer Of(IReadOnlyList<(int Left, int Right)> merges, bool sentenceTokens)
    {
        List<string> tokens = [.. WrittenBytes];
        var lines = new List<string>(merges.Count);
        foreach ((int left, int right) in merges)
        {
            lines.Add($"{tokens[left]} {tokens[right]}");
            tokens.Add(tokens[left] + tokens[right]);
        }

        int size = tokens.Count;
        var vocabulary = tokens.Index().ToDictionary(token => token.Item, token => token.Index, StringComparer.Ordinal);
        var library = BpeTokenizer.Create(new BpeOptions(vocabulary)
        {
            Merges = lines,
            ByteLevel = true,
            PreTokenizer = RobertaPreTokenizer.Instance,
        });
        (int start, int end) = sentenceTokens ? (size++, size++) : (-1, -1);
        string identity = $"bytes, {(sentenceTokens ? "start, end" : "")}\n{string.Join('\n', lines)}";
        return new ByteLevelTokenizer(library, $"bpe:{size}", identity, size, start, end)
        {
            Files = FilesOf(vocabulary, lines, sentenceTokens ? [Start, End] : []),
        };
    }

    /// <summary>Reads what <see cref="Files"/> gave.</summary>
    /// <exception cref="InvalidDataException">They were changed.</exception>
    internal static ByteLevelTokenizer Load(string directory, bool sentenceTokens)
    {
        var ids = WrittenBytes.Index().ToDictionary(token => token.Item, token => token.Index, StringComparer.Ordinal);
        var merges = new List<(int Left, int Right)>();
        foreach (string line in File.ReadLines(Path.Combine(directory, MergesFile)).Skip(1))
        {
            (int leftId, int rightId) = (0, 0);
            bool isMerge = line.Split(' ') is [var left, var right]
                && ids.TryGetValue(left, out leftId) && ids.TryGetValue(right, out rightId)
                && ids.TryAdd(left + right, ids.Count);
            merges.Add(isMerge
                ? (leftId, rightId)
                : throw new InvalidDataException($"line {merges.Count + 2} of {MergesFile} merges no two tokens"));
        }

        return Of(merges, sentenceTokens);
    }

    public void Encode(ReadOnlySpan<byte> utf8, bool startsText, IBufferWriter<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        ReadOnlySpan<char> rest = Encoding.UTF8.GetString(utf8);
        while (!rest.IsEmpty)
        {
            int cut = InsideSpecialToken(rest);
            ids.Append(_library.EncodeToIds(rest[..cut]));
            rest = rest[cut..];
        }
    }

    public string Decode(ReadOnlySpan<int> ids)
    {
        this.RequireIds(ids);
        var known = new List<int>(ids.Length);
        foreach (int id in ids)
        {
            if (id != StartId && id != EndId)
            {
                known.Add(id);
            }
        }

        return _library.Decode(known) ?? "";
    }

    /// <summary>
    /// Where to cut text so that the library does not take the name of a special token for it; its whole length without
    /// one.
    /// </summary>
    private int InsideSpecialToken(ReadOnlySpan<char> text)
    {
        int cut = text.Length;
        foreach (string name in _specialTokens)
        {
            // Nothing behind the first cut matters.
            int found = text[..Math.Min(text.Length, cut + name.Length)].IndexOf(name, StringComparison.Ordinal);
            cut = found < 0 ? cut : Math.Min(cut, found + 1);
        }

        return cut;
    }

    private static IEnumerable<string> WrittenBytes =>
        Enumerable.Range(0, BytePairTraining.Bytes).Select(value => Written((byte)value).ToString());

    /// <summary>How GPT-2's files write a byte: printable Latin-1 as it is, the others from U+0100 on.</summary>
    private static char Written(byte value) => value switch
    {
        (>= 0x21 and <= 0x7E) or (>= 0xA1 and <= 0xAC) or >= 0xAE => (char)value,
        <= 0x20 => (char)(0x100 + value),
        <= 0xA0 => (char)(0x100 + value - 0x7F + 0x21),
        _ => '\u0143',
    };

    private static Dictionary<string, byte[]> FilesOf(
        Dictionary<string, int> vocabulary, List<string> merges, string[] specialTokens)
    {
        var json = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        string lines = string.Concat(merges.Prepend(MergesHeader).Select(line => line + "\n"));
        var all = new Dictionary<string, int>(vocabulary, StringComparer.Ordinal);
        foreach (string token in specialTokens)
        {
            all.Add(token, all.Count);
        }

        var byteLevel = new { type = "ByteLevel", add_prefix_space = false, trim_offsets = true, use_regex = true };
        var whole = new
        {
            version = "1.0",
            added_tokens = specialTokens.Select(token => new
            {
                id = all[token],
                content = token,
                single_word = false,
                lstrip = false,
                rstrip = false,
                normalized = false,
                special = true,
            }),
            pre_tokenizer = byteLevel,
            decoder = byteLevel,
            model = new { type = "BPE", vocab = all, merges },
        };
        return new Dictionary<string, byte[]>
        {
            [MergesFile] = Encoding.UTF8.GetBytes(lines),
            ["vocab.json"] = JsonSerializer.SerializeToUtf8Bytes(all, json),
            ["tokenizer.json"] = JsonSerializer.SerializeToUtf8Bytes(whole, json),
        };
    }
}
