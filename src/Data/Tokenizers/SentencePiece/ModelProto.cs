using System.Buffers.Binary;
using System.Text;

namespace RnnLm.Data.Tokenizers.SentencePiece;

/// <summary>
/// The part of SentencePiece's serialized <c>ModelProto</c> that we need to read before the library sees the file, and to write for pieces that come from
/// elsewhere. Field numbers: sentencepiece_model.proto of SentencePiece 0.1.97; encoding: Protocol Buffers wire format.
/// </summary>
internal sealed class ModelProto
{
    private const int PiecesField = 1;
    private const int TrainerField = 2;
    private const int NormalizerField = 3;
    private const int PieceTextField = 1;
    private const int PieceScoreField = 2;
    private const int PieceKindField = 3;
    private const int TrainerModelTypeField = 3;
    private const int TrainerVocabularySizeField = 4;
    private const int TrainerWhiteSpaceAsSuffixField = 24;
    private const int TrainerByteFallbackField = 35;
    private const int TrainerPaddingIdField = 43;
    private const int NormalizerNameField = 1;
    private const int NormalizerCharactersMapField = 2;
    private const int NormalizerDummyPrefixField = 3;
    private const int NormalizerRemoveExtraWhiteSpaceField = 4;
    private const int NormalizerEscapeWhiteSpaceField = 5;
    private const ulong BytePairModelType = 2;

    private readonly List<Piece> _pieces = [];

    /// <summary>All pieces; the index is the id.</summary>
    public IReadOnlyList<Piece> Pieces => _pieces;

    /// <summary>Whether a text gets a space before it.</summary>
    public bool DummyPrefix { get; private set; } = true;

    private bool IsBytePair { get; set; }

    private bool NormalisesText { get; set; }

    private bool RemovesExtraWhiteSpace { get; set; } = true;

    private bool EscapesWhiteSpace { get; set; } = true;

    private bool WhiteSpaceIsSuffix { get; set; }

    /// <summary>
    /// Whether a text's pieces are those of its words (spaces and what follows them) one after the other: byte-pair merges are local, so this holds when no
    /// piece reaches over the start of a word and the text is taken as it is.
    /// </summary>
    public bool WordsAreIndependent =>
        IsBytePair && !NormalisesText && !RemovesExtraWhiteSpace && EscapesWhiteSpace && !WhiteSpaceIsSuffix && !_pieces.Exists(CrossesWordStart);

    /// <summary>Reads a serialized model. Every length is checked against the bytes that are there before anything is copied.</summary>
    /// <exception cref="InvalidDataException">Not a ModelProto.</exception>
    public static ModelProto Parse(ReadOnlySpan<byte> serialized)
    {
        var proto = new ModelProto();
        var reader = new WireReader(serialized);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case PiecesField:
                    proto._pieces.Add(ParsePiece(reader.Bytes));
                    break;
                case TrainerField:
                    proto.ParseTrainer(reader.Bytes);
                    break;
                case NormalizerField:
                    proto.ParseNormalizer(reader.Bytes);
                    break;
            }
        }

        return proto._pieces.Count > 0 ? proto : throw new InvalidDataException("it has no pieces");
    }

    /// <summary>The serialized model with its dummy prefix off: in the wire format a later value replaces an earlier one.</summary>
    public static byte[] WithoutDummyPrefix(ReadOnlySpan<byte> serialized)
    {
        var off = new WireWriter();
        off.Message(NormalizerField, normalizer => normalizer.Number(NormalizerDummyPrefixField, 0));
        return [.. serialized, .. off.Written];
    }

    /// <summary>A byte-pair model with byte fallback and a dummy prefix that takes text as it is, as LLaMA's.</summary>
    public static byte[] Serialize(IReadOnlyList<Piece> pieces)
    {
        var writer = new WireWriter();
        foreach (Piece piece in pieces)
        {
            writer.Message(PiecesField, message =>
            {
                message.Text(PieceTextField, piece.Text);
                message.Single(PieceScoreField, piece.Score);
                message.Number(PieceKindField, (ulong)piece.Kind);
            });
        }

        writer.Message(TrainerField, trainer =>
        {
            trainer.Number(TrainerModelTypeField, BytePairModelType);
            trainer.Number(TrainerVocabularySizeField, (ulong)pieces.Count);
            trainer.Number(TrainerByteFallbackField, 1);
            trainer.Number(TrainerPaddingIdField, ulong.MaxValue);
        });
        writer.Message(NormalizerField, normalizer =>
        {
            normalizer.Text(NormalizerNameField, "identity");
            normalizer.Number(NormalizerDummyPrefixField, 1);
            normalizer.Number(NormalizerRemoveExtraWhiteSpaceField, 0);
            normalizer.Number(NormalizerEscapeWhiteSpaceField, 1);
        });
        return writer.Written.ToArray();
    }

    private static Piece ParsePiece(ReadOnlySpan<byte> bytes)
    {
        string text = "";
        float score = 0;
        PieceKind kind = PieceKind.Normal;
        var reader = new WireReader(bytes);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case PieceTextField:
                    text = Encoding.UTF8.GetString(reader.Bytes);
                    break;
                case PieceScoreField when reader.Bytes.Length == sizeof(float):
                    score = BinaryPrimitives.ReadSingleLittleEndian(reader.Bytes);
                    break;
                case PieceKindField:
                    kind = (PieceKind)reader.Number;
                    break;
            }
        }

        return new Piece(text, score, kind);
    }

    private void ParseTrainer(ReadOnlySpan<byte> bytes)
    {
        var reader = new WireReader(bytes);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case TrainerModelTypeField:
                    IsBytePair = reader.Number == BytePairModelType;
                    break;
                case TrainerWhiteSpaceAsSuffixField:
                    WhiteSpaceIsSuffix = reader.Number != 0;
                    break;
            }
        }
    }

    private void ParseNormalizer(ReadOnlySpan<byte> bytes)
    {
        var reader = new WireReader(bytes);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case NormalizerCharactersMapField:
                    NormalisesText = !reader.Bytes.IsEmpty;
                    break;
                case NormalizerDummyPrefixField:
                    DummyPrefix = reader.Number != 0;
                    break;
                case NormalizerRemoveExtraWhiteSpaceField:
                    RemovesExtraWhiteSpace = reader.Number != 0;
                    break;
                case NormalizerEscapeWhiteSpaceField:
                    EscapesWhiteSpace = reader.Number != 0;
                    break;
            }
        }
    }

    private static bool CrossesWordStart(Piece piece)
    {
        for (int i = 1; i < piece.Text.Length; i++)
        {
            if (piece.Text[i] is SentencePieceTokenizer.SpaceSymbol or ' ' && piece.Text[i - 1] is not (SentencePieceTokenizer.SpaceSymbol or ' '))
            {
                return true;
            }
        }

        return false;
    }
}
