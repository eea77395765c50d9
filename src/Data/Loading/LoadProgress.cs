namespace RnnLm.Data;

/// <summary>What is being done to a corpus.</summary>
public enum LoadPhase
{
    /// <summary>Checking and hashing its text.</summary>
    Reading,

    /// <summary>Making the vocabulary from it.</summary>
    Vocabulary,

    /// <summary>Encoding it.</summary>
    Encoding,
}

/// <summary>How far loading has come.</summary>
/// <param name="Phase">What is being done.</param>
/// <param name="DoneBytes">Text done in this phase, bytes.</param>
/// <param name="TotalBytes">Text of the corpus, bytes.</param>
public readonly record struct LoadProgress(LoadPhase Phase, long DoneBytes, long TotalBytes);
