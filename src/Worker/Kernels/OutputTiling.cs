namespace RnnLm.Worker;

/// <summary>
/// How the logits, transposed (V, R), are cut: blocks of the shard's rows, and tiles of words that fit a core's level-2 cache beside their part of the
/// weight. The cut decides the order of summation and so is a function of R and V alone.
/// </summary>
internal readonly struct OutputTiling
{
    /// <summary>Most rows of a block.</summary>
    public const int MostBlockRows = 512;

    /// <summary>Words of every tile but the last.</summary>
    public const int TileWords = 256;

    public OutputTiling(int rows, int vocabularySize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, 1);
        Rows = rows;
        VocabularySize = vocabularySize;
        BlockCount = DivideUp(rows, MostBlockRows);
        BlockRows = BlockCount == 0 ? 0 : DivideUp(rows, BlockCount);
        TileCount = DivideUp(vocabularySize, TileWords);
    }

    /// <summary>R.</summary>
    public int Rows { get; }

    /// <summary>V.</summary>
    public int VocabularySize { get; }

    /// <summary>Number of blocks; they have nearly equally many rows.</summary>
    public int BlockCount { get; }

    /// <summary>Rows of every block but the last.</summary>
    public int BlockRows { get; }

    /// <summary>Number of tiles.</summary>
    public int TileCount { get; }

    /// <summary>Floats from one word of a tile to the next: a block's rows, filled up to whole vectors.</summary>
    public int TileStride => Lanes.RoundUp(BlockRows);

    /// <summary>Floats of a full tile.</summary>
    public int TileLength => checked(Math.Min(VocabularySize, TileWords) * TileStride);

    /// <summary>First row and number of rows of a block.</summary>
    public (int First, int Count) Block(int index) => (index * BlockRows, Math.Min(BlockRows, Rows - (index * BlockRows)));

    /// <summary>First word and number of words of a tile.</summary>
    public (int First, int Count) Tile(int index) => (index * TileWords, Math.Min(TileWords, VocabularySize - (index * TileWords)));

    private static int DivideUp(int dividend, int divisor) => (int)(((long)dividend + divisor - 1) / divisor);
}
