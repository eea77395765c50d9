using System.Text;
using System.Text.Unicode;

namespace RnnLm.Data;

/// <summary>What a piece is; the numbers are SentencePiece's (<c>ModelProto.SentencePiece.Type</c>).</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>One entry of a SentencePiece vocabulary.</summary>
/// <param name="Text">Its text, with U+2581 for a space.</param>
/// <param name="Score">Byte-pair models: minus the rank of the merge.</param>
/// <param name="Kind">What it is.</param>
internal readonly record struct Piece(string Text, float Score, PieceKind Kind);

/// <summary>
/// A byte-pair model of SentencePiece: what we use of its serialized <c>ModelProto</c> (field numbers from
/// sentencepiece_model.proto of SentencePiece 0.1.97). It is read within bounds and checked, and the library is given
/// it written anew, so it never sees a damaged file.
/// </summary>
/// <param name="Pieces">The vocabulary; the index is the id.</param>
internal sealed record SentencePieceModel(IReadOnlyList<Piece> Pieces)
{
    private const int BytePairs = 2;
    private static readonly string[] OtherKinds = ["", "unigram", "", "word", "char"];

    /// <summary>Whether what has no piece is spelled in byte pieces.</summary>
    public bool ByteFallback { get; init; } = true;

    /// <summary>Whether a text gets a space before it.</summary>
    public bool DummyPrefix { get; init; } = true;

    /// <summary>Whether spaces at the ends of a text and repeated ones are dropped.</summary>
    public bool DropsExtraSpaces { get; init; }

    /// <summary>Whether pieces write a space as U+2581.</summary>
    public bool EscapesSpaces { get; init; } = true;

    /// <summary>Whether the file wants characters replaced (nmt_nfkc), which is not done.</summary>
    public bool WantsOtherCharacters { get; init; }

    /// <summary>Id of the piece for what has no other.</summary>
    public int UnknownId { get; init; }

    /// <summary>Id of the control piece that starts a sequence; -1 when there is none.</summary>
    public int StartId { get; init; } = -1;

    /// <summary>Id of the control piece that ends a sequence; -1 when there is none.</summary>
    public int EndId { get; init; } = -1;

    /// <summary>Id of the control piece for padding; -1 when there is none.</summary>
    public int PaddingId { get; init; } = -1;

    /// <summary>Reads a serialized model.</summary>
    /// <exception cref="InvalidDataException">Not one, damaged, or of a kind that cannot be used.</exception>
    public static SentencePieceModel Read(ReadOnlyMemory<byte> serialized)
    {
        var pieces = new List<Piece>();
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        var trainer = new Dictionary<int, Field>();
        var normalizer = new Dictionary<int, Field>();
        foreach (Field field in Fields(serialized))
        {
            if (field.Number == 1)
            {
                Piece piece = ReadPiece(field.Bytes);
                Require(pieces.Count < TokenizerSpec.MostSize, $"it has more than {TokenizerSpec.MostSize} pieces");
                bool isNew = piece.Text.Length > 0 && ids.TryAdd(piece.Text, pieces.Count);
                Require(isNew, $"its piece {pieces.Count} is empty or there twice");
                pieces.Add(piece);
            }
            else if (field.Number is 2 or 3)
            {
                foreach (Field setting in Fields(field.Bytes))
                {
                    (field.Number == 2 ? trainer : normalizer)[setting.Number] = setting;
                }
            }
        }

        int number = (int)(trainer.TryGetValue(3, out Field modelType) ? modelType.Value : 1);
        string kind = OtherKinds.ElementAtOrDefault(number) ?? "unknown";
        Require(pieces.Count > 0, "it has no pieces");
        Require(number == BytePairs, $"its kind is {kind}, and only byte-pair models (bpe) are read");
        Require(!Flag(trainer, 24, false), "it writes spaces behind words, and only models with them before are read");
        int unknown = pieces.FindIndex(piece => piece.Kind == PieceKind.Unknown);
        Require(unknown >= 0, "it needs an unknown piece, usually <unk>");
        int ControlId(int field, string usual)
        {
            string text = trainer.TryGetValue(field, out Field name) ? Encoding.UTF8.GetString(name.Bytes.Span) : usual;
            return ids.TryGetValue(text, out int id) && pieces[id].Kind == PieceKind.Control ? id : -1;
        }

        return new SentencePieceModel(pieces)
        {
            ByteFallback = Flag(trainer, 35, false),
            DummyPrefix = Flag(normalizer, 3, true),
            DropsExtraSpaces = Flag(normalizer, 4, true),
            EscapesSpaces = Flag(normalizer, 5, true),
            WantsOtherCharacters = normalizer.TryGetValue(2, out Field map) && !map.Bytes.IsEmpty,
            UnknownId = unknown,
            StartId = ControlId(46, "<s>"),
            EndId = ControlId(47, "</s>"),
            PaddingId = ControlId(48, "<pad>"),
        };
    }

    /// <summary>The serialized model; of the control pieces' ids only their kinds are written.</summary>
    public byte[] Write() =>
    [
        .. Pieces.SelectMany(piece => Delimited(
            1,
            [
                .. Delimited(1, Encoding.UTF8.GetBytes(piece.Text)), .. Float(2, piece.Score),
                .. Number(3, (int)piece.Kind),
            ])),
        .. Delimited(
            2,
            [
                .. Number(3, BytePairs), .. Number(4, Pieces.Count), .. Number(35, ByteFallback ? 1 : 0),
                .. UnknownId > 0 ? Number(40, UnknownId) : [], .. Number(43, -1),
            ]),
        .. Delimited(
            3,
            [
                .. Delimited(1, "identity"u8.ToArray()), .. Number(3, DummyPrefix ? 1 : 0),
                .. Number(4, DropsExtraSpaces ? 1 : 0), .. Number(5, EscapesSpaces ? 1 : 0),
            ]),
    ];

    private static Piece ReadPiece(ReadOnlyMemory<byte> serialized)
    {
        var piece = new Piece("", 0, PieceKind.Normal);
        foreach (Field field in Fields(serialized))
        {
            Require(field.Number != 1 || Utf8.IsValid(field.Bytes.Span), "one of its pieces is not UTF-8");
            piece = field.Number switch
            {
                1 => piece with { Text = Encoding.UTF8.GetString(field.Bytes.Span) },
                2 => piece with { Score = BitConverter.UInt32BitsToSingle((uint)field.Value) },
                3 => piece with { Kind = (PieceKind)field.Value },
                _ => piece,
            };
        }

        bool isWhole = Enum.IsDefined(piece.Kind) && !float.IsNaN(piece.Score);
        isWhole &= piece.Kind != PieceKind.Byte || IsByte(piece.Text);
        Require(isWhole, "one of its pieces has an unknown kind or no score");
        return piece;
    }

    private static bool IsByte(string text) => text is ['<', '0', 'x', var high, var low, '>']
        && char.IsAsciiHexDigit(high) && char.IsAsciiHexDigit(low);

    private static bool Flag(Dictionary<int, Field> settings, int number, bool usual) =>
        settings.TryGetValue(number, out Field field) ? field.Value != 0 : usual;

    /// <summary>The fields of a message in Protocol Buffers' wire format.</summary>
    private static IEnumerable<Field> Fields(ReadOnlyMemory<byte> message)
    {
        while (!message.IsEmpty)
        {
            ulong tag = ReadVarint(ref message);
            int number = (int)Math.Min(tag >> 3, int.MaxValue);
            switch (tag & 7)
            {
                case 0:
                    yield return new Field(number, ReadVarint(ref message), default);
                    break;
                case 2:
                    yield return new Field(number, 0, Take(ref message, ReadVarint(ref message)));
                    break;
                case 1 or 5:
                    ulong value = 0;
                    foreach (byte next in Take(ref message, (tag & 7) == 1 ? 8u : 4u).ToArray().Reverse())
                    {
                        value = (value << 8) | next;
                    }

                    yield return new Field(number, value, default);
                    break;
                default:
                    throw new InvalidDataException("it is damaged or not a SentencePiece model");
            }
        }
    }

    private static ulong ReadVarint(ref ReadOnlyMemory<byte> message)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = Take(ref message, 1).Span[0];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw new InvalidDataException("it is damaged or not a SentencePiece model");
    }

    private static ReadOnlyMemory<byte> Take(ref ReadOnlyMemory<byte> message, ulong bytes)
    {
        Require(bytes <= (ulong)message.Length, "it is truncated or not a SentencePiece model");
        ReadOnlyMemory<byte> taken = message[..(int)bytes];
        message = message[(int)bytes..];
        return taken;
    }

    private static byte[] Number(int field, long value) => [.. Varint((ulong)field << 3), .. Varint((ulong)value)];

    private static byte[] Float(int field, float value) =>
        [.. Varint(((ulong)field << 3) | 5), .. BitConverter.GetBytes(value)];

    private static byte[] Delimited(int field, byte[] value) =>
        [.. Varint(((ulong)field << 3) | 2), .. Varint((ulong)value.Length), .. value];

    private static List<byte> Varint(ulong value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
        return bytes;
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InvalidDataException(otherwise);
        }
    }

    private readonly record struct Field(int Number, ulong Value, ReadOnlyMemory<byte> Bytes);
}
