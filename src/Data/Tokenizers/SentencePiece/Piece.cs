namespace RnnLm.Data;

/// <summary>What a piece is; the numbers are SentencePiece's (<c>ModelProto.SentencePiece.Type</c>).</summary>
public enum PieceKind
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
public readonly record struct Piece(string Text, float Score, PieceKind Kind);
