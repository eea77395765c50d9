using Google.Protobuf;

using RnnLm.Data.Serialized;

namespace RnnLm.Data;

/// <summary>
/// What we need to know of SentencePiece's serialized <c>ModelProto</c> before the library sees the file, and the writing of one for pieces that come from
/// elsewhere. The schema is in sentencepiece_model.proto beside this file.
/// </summary>
internal sealed class ModelProto
{
    private const int BytePairModelType = 2;
    private const int NoPadding = -1;

    private readonly Model _model;

    private ModelProto(Model model)
    {
        _model = model;
        Pieces = [.. model.Pieces.Select(piece => new Piece(piece.Text, piece.Score, (PieceKind)piece.Kind))];
    }

    /// <summary>All pieces; the index is the id.</summary>
    public IReadOnlyList<Piece> Pieces { get; }

    /// <summary>Whether a text gets a space before it.</summary>
    public bool DummyPrefix => Normalizer.DummyPrefix;

    /// <summary>
    /// Whether a text's pieces are those of its words (spaces and what follows them) one after the other: byte-pair merges are local, so this holds when no
    /// piece reaches over the start of a word and the text is taken as it is.
    /// </summary>
    public bool WordsAreIndependent =>
        Trainer.ModelType == BytePairModelType && !Trainer.WhiteSpaceAsSuffix && Normalizer.CharactersMap.IsEmpty && !Normalizer.RemoveExtraWhiteSpace &&
        Normalizer.EscapeWhiteSpace && !Pieces.Any(CrossesWordStart);

    private Model.Types.Trainer Trainer => _model.Trainer ?? new Model.Types.Trainer();

    private Model.Types.Normalizer Normalizer => _model.Normalizer ?? new Model.Types.Normalizer();

    /// <summary>Reads a serialized model.</summary>
    /// <exception cref="InvalidDataException">Not a ModelProto.</exception>
    public static ModelProto Parse(ReadOnlySpan<byte> serialized)
    {
        Model model;
        try
        {
            model = Model.Parser.ParseFrom(serialized);
        }
        catch (InvalidProtocolBufferException failure)
        {
            throw new InvalidDataException("it is truncated or not a SentencePiece model", failure);
        }

        return model.Pieces.Count > 0 ? new ModelProto(model) : throw new InvalidDataException("it has no pieces");
    }

    /// <summary>The serialized model with its dummy prefix off: in the wire format a later value replaces an earlier one.</summary>
    public static byte[] WithoutDummyPrefix(ReadOnlySpan<byte> serialized) =>
        [.. serialized, .. new Model { Normalizer = new() { DummyPrefix = false } }.ToByteArray()];

    /// <summary>A byte-pair model with byte fallback and a dummy prefix that takes text as it is, as LLaMA's.</summary>
    public static byte[] Serialize(IReadOnlyList<Piece> pieces)
    {
        var model = new Model
        {
            Trainer = new() { ModelType = BytePairModelType, VocabularySize = pieces.Count, ByteFallback = true, PaddingId = NoPadding },
            Normalizer = new() { Name = "identity", DummyPrefix = true, RemoveExtraWhiteSpace = false, EscapeWhiteSpace = true },
        };
        model.Pieces.AddRange(pieces.Select(piece => new Model.Types.Piece { Text = piece.Text, Score = piece.Score, Kind = (int)piece.Kind }));
        return model.ToByteArray();
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
