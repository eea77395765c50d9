using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Library = Microsoft.ML.Tokenizers;

namespace RnnLm.Data;

/// <summary>
/// Pieces of a byte-pair SentencePiece model, with tokens added behind them where the vocabulary has some. Where a pair
/// overlaps itself (ppp) SentencePiece merges from the left and the library from the right, so the library is given
/// everything mirrored: pieces and text.
/// </summary>
public sealed class SentencePieceTokenizer : ITokenizer
{
    /// <summary>U+2581, how pieces write a space.</summary>
    public const char SpaceSymbol = '\u2581';

    /// <summary>The saved file: the serialized SentencePiece model.</summary>
    internal const string FileName = "tokenizer.model";

    // The largest published models have some megabytes.
    private const int MostModelBytes = 1 << 26;

    private const string MatchesNothing = "(?!)";

    // What SentencePiece shows for an unknown piece.
    private const string UnknownText = " \u2047 ";

    private readonly byte[] _serialized;
    private readonly SentencePieceModel _model;
    private readonly IReadOnlyList<string> _addedTokens;
    private readonly Library.SentencePieceTokenizer _library;
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);

    // What the model's maker has defined as pieces: they are never merged with what stands around them.
    private readonly Regex _defined;

    // Pieces of the three bytes of U+2581, which as text would come back as a space; null when the model has no byte
    // pieces.
    private readonly int[]? _spaceSymbolIds;

    private SentencePieceTokenizer(byte[] serialized, string spec, IReadOnlyList<string> addedTokens, int? paddingId)
    {
        (_serialized, Spec, _addedTokens) = (serialized, spec, addedTokens);
        _model = SentencePieceModel.Read(serialized);
        for (int id = 0; id < _model.Pieces.Count; id++)
        {
            _ids.Add(_model.Pieces[id].Text, id);
        }

        IEnumerable<string> defined = _model.Pieces
            .Where(piece => piece.Kind == PieceKind.UserDefined)
            .Select(piece => Regex.Escape(piece.Text))
            .OrderByDescending(text => text.Length);
        _defined = new Regex(string.Join('|', defined.DefaultIfEmpty(MatchesNothing)));
        int[] symbol = [.. "\u2581"u8.ToArray().Select(value => _ids.GetValueOrDefault($"<0x{value:X2}>", -1))];
        _spaceSymbolIds = symbol.All(id => id >= 0 && _model.Pieces[id].Kind == PieceKind.Byte) ? symbol : null;
        _library = Load(_model);
        PaddingId = paddingId ?? _model.PaddingId;
        Hash = HashOf(serialized, addedTokens, PaddingId, _model.WantsOtherCharacters);
    }

    public string Spec { get; }
    public string Hash { get; }
    public int VocabularySize => _model.Pieces.Count + _addedTokens.Count;
    public int PaddingId { get; }
    public int UnknownId => _model.UnknownId;
    public int StartId => _model.StartId;
    public int EndId => _model.EndId;

    public IReadOnlyDictionary<string, byte[]> Files => new Dictionary<string, byte[]> { [FileName] = _serialized };

    /// <summary>A token as the vocabulary has it, with U+2581 for a space.</summary>
    public string TokenText(int id) =>
        id < _model.Pieces.Count ? _model.Pieces[id].Text : _addedTokens[id - _model.Pieces.Count];

    /// <summary>A tokenizer of a model in memory.</summary>
    /// <param name="serialized">Serialized SentencePiece ModelProto.</param>
    /// <param name="spec">See <see cref="ITokenizer.Spec"/>.</param>
    /// <param name="addedTokens">Tokens that get the ids after the pieces; text never encodes to them.</param>
    /// <param name="paddingId">The padding token, when it is not the model's own.</param>
    /// <exception cref="InvalidDataException">Not a SentencePiece model that can be used.</exception>
    public static SentencePieceTokenizer Of(
        byte[] serialized, string spec, IReadOnlyList<string>? addedTokens = null, int? paddingId = null) =>
        new(serialized, spec, addedTokens ?? [], paddingId);

    /// <summary>The serialized model in a file.</summary>
    /// <exception cref="RnnLmException">Bad input: missing, unreadable or too large.</exception>
    public static byte[] ReadModel(string path)
    {
        try
        {
            long bytes = new FileInfo(path).Length;
            return bytes is > 0 and <= MostModelBytes
                ? File.ReadAllBytes(path)
                : throw RnnLmException.BadInput(
                    $"{path}: {bytes} bytes are no SentencePiece model; "
                    + $"give a .model file of at most {MostModelBytes >> 20} MiB");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.BadInput(
                $"{path}: cannot be read ({failure.Message}); give the path of a SentencePiece .model", failure);
        }
    }

    public void Encode(ReadOnlySpan<byte> utf8, bool startsText, IBufferWriter<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        string text = Encoding.UTF8.GetString(utf8);
        ReadOnlySpan<char> rest = text;
        while (!rest.IsEmpty)
        {
            int literal = _spaceSymbolIds is null ? -1 : rest.IndexOf(SpaceSymbol);
            Append(literal < 0 ? rest : rest[..literal], startsText, ids);
            startsText = false;
            if (literal < 0)
            {
                break;
            }

            ids.Write(_spaceSymbolIds);
            rest = rest[(literal + 1)..];
        }
    }

    public string Decode(ReadOnlySpan<int> ids)
    {
        this.RequireIds(ids);
        var utf8 = new ArrayBufferWriter<byte>();
        bool dropsSpace = _model.DummyPrefix;
        foreach (int id in ids)
        {
            Piece piece = id < _model.Pieces.Count
                ? _model.Pieces[id]
                : new Piece(TokenText(id), 0, PieceKind.UserDefined);
            if (piece.Kind == PieceKind.Control)
            {
                continue;
            }

            if (piece.Kind == PieceKind.Byte)
            {
                utf8.Write([Convert.ToByte(piece.Text[3..5], 16)]);
            }
            else
            {
                string text = piece.Kind == PieceKind.Unknown ? UnknownText
                    : _model.EscapesSpaces ? piece.Text.Replace(SpaceSymbol, ' ') : piece.Text;
                utf8.Write(Encoding.UTF8.GetBytes(dropsSpace && text.StartsWith(' ') ? text[1..] : text));
            }

            dropsSpace = false;
        }

        return Encoding.UTF8.GetString(utf8.WrittenSpan);
    }

    private static Library.SentencePieceTokenizer Load(SentencePieceModel model)
    {
        IEnumerable<Piece> mirrored = model.Pieces
            .Select(piece => piece.Kind == PieceKind.Byte ? piece : piece with { Text = Mirrored(piece.Text) });
        using var stream = new MemoryStream((model with { Pieces = [.. mirrored] }).Write());
        try
        {
            return Library.SentencePieceTokenizer.Create(
                stream, addBeginningOfSentence: false, addEndOfSentence: false);
        }
        catch (ArgumentException failure)
        {
            throw new InvalidDataException($"the library refuses it ({failure.Message})", failure);
        }
    }

    private static string HashOf(byte[] serialized, IReadOnlyList<string> addedTokens, int paddingId, bool takenAsItIs)
    {
        string domain = takenAsItIs ? "sentencepiece, characters as they are" : "sentencepiece";
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{domain}\n{string.Join('\n', addedTokens)}\n{paddingId}\n"));
        hash.AppendData(serialized);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Appends the pieces of text without literal U+2581.</summary>
    private void Append(ReadOnlySpan<char> text, bool startsText, IBufferWriter<int> ids)
    {
        string prepared = text.ToString();
        if (_model.DropsExtraSpaces && startsText)
        {
            prepared = string.Join(' ', prepared.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        }

        if (prepared.Length == 0)
        {
            return;
        }

        prepared = _model.DummyPrefix && startsText ? " " + prepared : prepared;
        prepared = _model.EscapesSpaces ? prepared.Replace(' ', SpaceSymbol) : prepared;
        int done = 0;
        foreach (ValueMatch match in _defined.EnumerateMatches(prepared))
        {
            Merge(prepared[done..match.Index], ids);
            done = match.Index + match.Length;
            ids.Write([_ids[prepared[match.Index..done]]]);
        }

        Merge(prepared[done..], ids);
    }

    private void Merge(string text, IBufferWriter<int> ids)
    {
        IReadOnlyList<int> encoded = _library.EncodeToIds(Mirrored(text), considerNormalization: false);
        Span<int> destination = ids.GetSpan(encoded.Count + 1);
        int count = 0;
        int character = 0;
        for (int i = encoded.Count - 1; i >= 0; i--)
        {
            int id = encoded[i];
            if (id == UnknownId && count > 0 && destination[count - 1] == UnknownId)
            {
                // One unknown piece stands for a run of them.
                continue;
            }

            destination[count++] = id;

            // The bytes of a character without a piece are not mirrored: they end here with its first.
            if (!IsContinuation(id))
            {
                destination[character..count].Reverse();
                character = count;
            }
        }

        ids.Advance(count);
    }

    private bool IsContinuation(int id) =>
        _model.Pieces[id] is { Kind: PieceKind.Byte, Text: [_, _, _, '8' or '9' or 'A' or 'B', ..] };

    private static string Mirrored(string text)
    {
        return string.Create(text.Length, text, (characters, source) =>
        {
            source.CopyTo(characters);
            characters.Reverse();
            for (int i = 1; i < characters.Length; i++)
            {
                if (char.IsSurrogatePair(characters[i], characters[i - 1]))
                {
                    characters.Slice(i - 1, 2).Reverse();
                }
            }
        });
    }
}
