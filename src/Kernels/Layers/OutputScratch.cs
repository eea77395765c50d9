namespace RnnLm.Kernels;

/// <summary>The output layer's temporaries of one thread, re-used from call to call. Their contents between calls mean nothing.</summary>
internal sealed unsafe class OutputScratch : IDisposable
{
    private readonly GrowingBuffer _exponentials = new();
    private readonly GrowingBuffer _tileInHand = new();
    private readonly GrowingBuffer _columns = new();
    private readonly GrowingBuffer _rows = new();
    private readonly GrowingBuffer _rowTiles = new();
    private OutputTiling _tiling;

    /// <summary>Bias of the tile in hand, filled up to whole vectors.</summary>
    public float* TileBias => _columns.Address;

    /// <summary>Column sums of the tile in hand, filled up to whole vectors.</summary>
    public float* TileColumnSums => _columns.Address + _tiling.TileStride;

    /// <summary>Logit of each row's target.</summary>
    public float* TargetLogits => _rows.Address;

    /// <summary>Makes room for one evaluation; <paramref name="keepsTiles"/> when the second pass needs the first one's exponentials.</summary>
    public void Prepare(OutputTiling tiling, bool keepsTiles)
    {
        _tiling = tiling;
        _exponentials.Reserve(keepsTiles ? checked(tiling.TileCount * tiling.TileLength) : 0);
        _tileInHand.Reserve(tiling.TileLength);
        _columns.Reserve(2 * tiling.TileStride);
        _rows.Reserve(tiling.BlockRows);
        _rowTiles.Reserve(checked(2 * tiling.TileCount * tiling.BlockRows));
    }

    /// <summary>Exponentials of tile <paramref name="tile"/> for the first <paramref name="rows"/> rows of a block.</summary>
    public Matrix Exponentials(int tile, int rows) => Tile(_exponentials.Address + ((long)tile * _tiling.TileLength), tile, rows);

    /// <summary>The tile in hand, which stays in a near cache: its logits in the first pass, their gradient in the second.</summary>
    public Matrix TileInHand(int tile, int rows) => Tile(_tileInHand.Address, tile, rows);

    /// <summary>Largest logit of each row within tile <paramref name="tile"/>; later the factor that turns the tile's exponentials into probabilities.</summary>
    public float* TileMaxima(int tile) => _rowTiles.Address + ((long)tile * _tiling.BlockRows);

    /// <summary>Sum of each row's exponentials within tile <paramref name="tile"/>.</summary>
    public float* TileSums(int tile) => _rowTiles.Address + ((long)(_tiling.TileCount + tile) * _tiling.BlockRows);

    /// <inheritdoc/>
    public void Dispose()
    {
        _exponentials.Dispose();
        _tileInHand.Dispose();
        _columns.Dispose();
        _rows.Dispose();
        _rowTiles.Dispose();
    }

    private Matrix Tile(float* address, int tile, int rows) => new(address, rows, _tiling.Tile(tile).Count, _tiling.TileStride);
}
