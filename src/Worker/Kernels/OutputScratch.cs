namespace RnnLm.Worker;

/// <summary>The output layer's temporaries of one thread, re-used from call to call. Their contents between calls mean nothing.</summary>
internal sealed unsafe class OutputScratch : IDisposable
{
    private readonly GrowingBuffer _exponentials = new();
    private readonly GrowingBuffer _logits = new();
    private readonly GrowingBuffer _hiddenTransposed = new();
    private readonly GrowingBuffer _hiddenInHand = new();
    private readonly GrowingBuffer _targetLogits = new();
    private readonly GrowingBuffer _rowTiles = new();
    private OutputTiling _tiling;

    /// <summary>Logit of each row's target.</summary>
    public float* TargetLogits => _targetLogits.Address;

    /// <summary>Makes room for one evaluation; <paramref name="keepsTiles"/> when the second pass needs the first one's exponentials.</summary>
    public void Prepare(OutputTiling tiling, int dimension, bool keepsTiles)
    {
        _tiling = tiling;
        _exponentials.Reserve(keepsTiles ? checked(tiling.TileCount * tiling.TileLength) : 0);
        _logits.Reserve(tiling.TileLength);
        _hiddenTransposed.Reserve(checked(dimension * tiling.TileStride));
        _hiddenInHand.Reserve(checked(dimension * tiling.BlockRows));
        _targetLogits.Reserve(tiling.BlockRows);
        _rowTiles.Reserve(checked(2 * tiling.TileCount * tiling.TileStride));
    }

    /// <summary>A block's states, transposed (D, whole vectors of rows).</summary>
    public Matrix HiddenTransposed(int dimension) => new(_hiddenTransposed.Address, dimension, _tiling.TileStride);

    /// <summary>What the tile in hand takes of a block's states, or gives to their gradient (rows, D).</summary>
    public Matrix HiddenInHand(int rows, int dimension) => new(_hiddenInHand.Address, rows, dimension);

    /// <summary>Exponentials of tile <paramref name="tile"/> (words, whole vectors of rows).</summary>
    public Matrix Exponentials(int tile) => Tile(_exponentials.Address + ((long)tile * _tiling.TileLength), tile);

    /// <summary>Logits of the tile in hand, which stay in a near cache (words, whole vectors of rows).</summary>
    public Matrix Logits(int tile) => Tile(_logits.Address, tile);

    /// <summary>Largest logit of each row within tile <paramref name="tile"/>; later the factor that turns the tile's exponentials into probabilities.</summary>
    public float* TileMaxima(int tile) => _rowTiles.Address + ((long)tile * _tiling.TileStride);

    /// <summary>Sum of each row's exponentials within tile <paramref name="tile"/>.</summary>
    public float* TileSums(int tile) => _rowTiles.Address + ((long)(_tiling.TileCount + tile) * _tiling.TileStride);

    /// <inheritdoc/>
    public void Dispose()
    {
        _exponentials.Dispose();
        _logits.Dispose();
        _hiddenTransposed.Dispose();
        _hiddenInHand.Dispose();
        _targetLogits.Dispose();
        _rowTiles.Dispose();
    }

    private Matrix Tile(float* address, int tile) => new(address, _tiling.Tile(tile).Count, _tiling.TileStride);
}
