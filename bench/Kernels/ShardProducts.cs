using RnnLm.Worker;

namespace RnnLm.Kernels.Benchmarks;

/// <summary>The matrix products of one shard's loss and gradient, without anything between them.</summary>
internal sealed class ShardProducts : IDisposable
{
    private readonly MatrixProducts _products = new();
    private readonly int _layers;
    private readonly int _dimension;
    private readonly int _exampleCount;
    private readonly int _steps;
    private readonly OutputTiling _tiling;
    private readonly FloatBuffer _rows;
    private readonly FloatBuffer _otherRows;
    private readonly FloatBuffer _hiddenTransposed;
    private readonly FloatBuffer _square;
    private readonly FloatBuffer _squareGradient;
    private readonly FloatBuffer _output;
    private readonly FloatBuffer _outputGradient;
    private readonly FloatBuffer _tile;

    public ShardProducts(ModelSettings model, int exampleCount, int steps)
    {
        _layers = model.Layers;
        _dimension = model.Dimension;
        _exampleCount = exampleCount;
        _steps = steps;
        int rowCount = exampleCount * steps;
        _tiling = new OutputTiling(rowCount, model.VocabularySize);

        // Too small for sums over the steps to overflow or to reach denormal numbers.
        const float Scale = 0.05f;
        _rows = BenchmarkModel.Uniform(rowCount * _dimension, Scale);
        _otherRows = BenchmarkModel.Uniform(rowCount * _dimension, Scale);
        _hiddenTransposed = BenchmarkModel.Uniform(_dimension * _tiling.TileStride, Scale);
        _square = BenchmarkModel.Uniform(_dimension * _dimension, Scale);
        _squareGradient = BenchmarkModel.Uniform(_dimension * _dimension, Scale);
        _output = BenchmarkModel.Uniform(model.VocabularySize * _dimension, Scale);
        _outputGradient = BenchmarkModel.Uniform(model.VocabularySize * _dimension, Scale);
        _tile = BenchmarkModel.Uniform(_tiling.TileLength, Scale);
    }

    public void Run()
    {
        for (int layer = 0; layer < _layers; layer++)
        {
            _products.Multiply(Rows(_rows), Square(_square), Rows(_otherRows));
            RunSteps(Square(_square));
        }

        for (int block = 0; block < _tiling.BlockCount; block++)
        {
            RunOutputBlock(block);
        }

        for (int layer = 0; layer < _layers; layer++)
        {
            RunSteps(Square(_square).T);
            _products.Multiply(Rows(_rows).T, Rows(_otherRows), Square(_squareGradient));
            _products.Multiply(Rows(_rows).T, Rows(_otherRows), Square(_squareGradient));
            _products.Multiply(Rows(_rows), Square(_square).T, Rows(_otherRows));
        }
    }

    public void Dispose()
    {
        _products.Dispose();
        foreach (FloatBuffer buffer in new[] { _rows, _otherRows, _hiddenTransposed, _square, _squareGradient, _output, _outputGradient, _tile })
        {
            buffer.Dispose();
        }
    }

    private void RunSteps(Matrix square)
    {
        for (int step = 1; step < _steps; step++)
        {
            _products.Multiply(
                Rows(_rows).RowRange((step - 1) * _exampleCount, _exampleCount),
                square,
                Rows(_otherRows).RowRange(step * _exampleCount, _exampleCount),
                keep: 1);
        }
    }

    private void RunOutputBlock(int block)
    {
        (int firstRow, int rowCount) = _tiling.Block(block);
        Matrix hidden = Rows(_rows).RowRange(firstRow, rowCount);
        Matrix hiddenGradient = Rows(_otherRows).RowRange(firstRow, rowCount);
        var hiddenTransposed = new Matrix(_hiddenTransposed, 0, _dimension, _tiling.TileStride);
        for (int tile = 0; tile < _tiling.TileCount; tile++)
        {
            _products.Multiply(Output(_output, tile), hiddenTransposed, Tile(tile, _tiling.TileStride));
        }

        for (int tile = 0; tile < _tiling.TileCount; tile++)
        {
            _products.Multiply(Tile(tile, rowCount).T, Output(_output, tile), hiddenGradient);
            _products.Multiply(Tile(tile, rowCount), hidden, Output(_outputGradient, tile), keep: block == 0 ? 0 : 1);
        }
    }

    private Matrix Rows(FloatBuffer buffer) => new(buffer, 0, _exampleCount * _steps, _dimension);

    private Matrix Square(FloatBuffer buffer) => new(buffer, 0, _dimension, _dimension);

    private Matrix Tile(int tile, int rowCount) => new Matrix(_tile, 0, _tiling.Tile(tile).Count, _tiling.TileStride).FirstColumns(rowCount);

    private Matrix Output(FloatBuffer buffer, int tile)
    {
        (int first, int count) = _tiling.Tile(tile);
        return new Matrix(buffer, 0, _tiling.VocabularySize, _dimension).RowRange(first, count);
    }
}
