using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Worker;

/// <summary>
/// Output layer, softmax and cross-entropy as one kernel over blocks of rows and tiles of the vocabulary, so that the
/// logits of a whole batch never
/// exist. First pass over the tiles of a block: logits, e^(logit - the row's largest of the tile), sums. Then the
/// log-sum-exp of each row from its tiles
/// (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018). Second pass: the products with the
/// gradient of the logits, which is the
/// probabilities minus one at the target. Each logit costs one exponential, and the factors that make probabilities of
/// them, one for each row of a tile, are
/// applied to the states and to the product instead, of which there are far fewer.
/// Tiles are transposed, a word to a line and the rows beside each other: no product then needs its right operand
/// transposed, and what a row needs of its tile (largest, sum, factor) is computed lane by lane.
/// </summary>
internal static unsafe class OutputLayer
{
    /// <summary>2^-100: a factor must have an inverse, and what this one makes of the exponentials of a tile so far
    /// below the largest is nothing beside one.</summary>
    private const float SmallestFactor = 7.888609e-31f;

    /// <summary>The sum over the rows of -log softmax(h·Wᵀ + b)[target], in nats.</summary>
    /// <param name="weights">Parameters.</param>
    /// <param name="hidden">h (R, D).</param>
    /// <param name="targets">Target token of each row.</param>
    /// <param name="scratch">Temporaries.</param>
    public static double Loss(
        OutputWeights weights, Matrix hidden, ReadOnlySpan<int> targets, OutputScratch scratch)
    {
        var tiling = new OutputTiling(hidden.Rows, weights.Weight.Rows);
        scratch.Prepare(tiling, hidden.Columns, keepsTiles: false);
        double loss = 0;
        for (int block = 0; block < tiling.BlockCount; block++)
        {
            (int firstRow, int rowCount) = tiling.Block(block);
            Matrix hiddenTransposed = Transpose(hidden.RowRange(firstRow, rowCount), scratch);
            ReadOnlySpan<int> blockTargets = targets.Slice(firstRow, rowCount);
            for (int tile = 0; tile < tiling.TileCount; tile++)
            {
                ComputeTile(
                    weights, hiddenTransposed, blockTargets, scratch, tiling, tile, keepsExponentials: false);
            }

            loss = CombineTiles(scratch, tiling, rowCount, loss);
        }

        return loss;
    }

    /// <summary>The loss as <see cref="Loss"/> has it, and its gradients.</summary>
    /// <param name="weights">Parameters.</param>
    /// <param name="hidden">h (R, D).</param>
    /// <param name="targets">Target token of each row.</param>
    /// <param name="scratch">Temporaries.</param>
    /// <param name="hiddenGradient">Receives the gradient of h (R, D).</param>
    /// <param name="weightGradients">Receives the gradients of the parameters.</param>
    public static double LossAndGradient(
        OutputWeights weights,
        Matrix hidden,
        ReadOnlySpan<int> targets,
        OutputScratch scratch,
        Matrix hiddenGradient,
        OutputWeights weightGradients)
    {
        var tiling = new OutputTiling(hidden.Rows, weights.Weight.Rows);
        scratch.Prepare(tiling, hidden.Columns, keepsTiles: true);
        if (tiling.BlockCount == 0)
        {
            weightGradients.Weight.Clear();
            new Span<float>(weightGradients.Bias, weightGradients.Weight.Rows).Clear();
        }

        double loss = 0;
        for (int block = 0; block < tiling.BlockCount; block++)
        {
            (int firstRow, int rowCount) = tiling.Block(block);
            Matrix blockHidden = hidden.RowRange(firstRow, rowCount);
            Matrix blockHiddenGradient = hiddenGradient.RowRange(firstRow, rowCount);
            ReadOnlySpan<int> blockTargets = targets.Slice(firstRow, rowCount);
            Matrix hiddenTransposed = Transpose(blockHidden, scratch);
            for (int tile = 0; tile < tiling.TileCount; tile++)
            {
                ComputeTile(
                    weights, hiddenTransposed, blockTargets, scratch, tiling, tile, keepsExponentials: true);
            }

            loss = CombineTiles(scratch, tiling, rowCount, loss);

            for (int tile = 0; tile < tiling.TileCount; tile++)
            {
                (int firstWord, int wordCount) = tiling.Tile(tile);
                Matrix exponentials = scratch.Exponentials(tile);
                float* factors = scratch.TileMaxima(tile);
                SubtractTargets(exponentials, factors, blockTargets, firstWord);
                SumBiasGradient(exponentials, factors, weightGradients.Bias + firstWord, keep: block > 0);

                Matrix scaled = scratch.HiddenInHand(rowCount, hidden.Columns);
                RowKernels.ScaleRows(blockHidden, factors, scaled);
                exponentials = exponentials.ColumnRange(0, rowCount);
                Matrix tileGradient = weightGradients.Weight.RowRange(firstWord, wordCount);
                MatrixProducts.Multiply(exponentials, scaled, tileGradient, keep: block > 0);

                // The product above has read the scaled states; their room is free.
                Matrix unscaled = scaled;
                MatrixProducts.Multiply(exponentials.T, weights.Weight.RowRange(firstWord, wordCount), unscaled);
                RowKernels.ScaleRows(unscaled, factors, blockHiddenGradient, keep: tile > 0);
            }
        }

        return loss;
    }

    /// <summary>A block's states with the rows side by side, and zeros where they only fill up the last
    /// vector.</summary>
    private static Matrix Transpose(Matrix hidden, OutputScratch scratch)
    {
        Matrix transposed = scratch.HiddenTransposed(hidden.Columns);
        for (int column = 0; column < transposed.Rows; column++)
        {
            float* into = transposed.Row(column);
            for (int row = 0; row < hidden.Rows; row++)
            {
                into[row] = hidden.Row(row)[column];
            }

            new Span<float>(into + hidden.Rows, transposed.Columns - hidden.Rows).Clear();
        }

        return transposed;
    }

    /// <summary>First pass over one tile: its exponentials, and each row's largest logit and sum.</summary>
    private static void ComputeTile(
        OutputWeights weights,
        Matrix hiddenTransposed,
        ReadOnlySpan<int> targets,
        OutputScratch scratch,
        OutputTiling tiling,
        int tile,
        bool keepsExponentials)
    {
        (int firstWord, int wordCount) = tiling.Tile(tile);
        Matrix logits = scratch.Logits(tile);
        MatrixProducts.Multiply(weights.Weight.RowRange(firstWord, wordCount), hiddenTransposed, logits);

        float* bias = weights.Bias + firstWord;
        for (int row = 0; row < targets.Length; row++)
        {
            int word = targets[row] - firstWord;
            if ((uint)word < (uint)wordCount)
            {
                scratch.TargetLogits[row] = logits.Row(word)[row] + bias[word];
            }
        }

        float* exponentials = keepsExponentials ? scratch.Exponentials(tile).Address : null;
        AddBiasAndTakeMaxima(logits, bias, scratch.TileMaxima(tile));
        Exponentiate(logits, exponentials, scratch.TileMaxima(tile), scratch.TileSums(tile));
    }

    /// <summary>Adds each word's bias to its logits, and takes each row's largest sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddBiasAndTakeMaxima(Matrix logits, float* bias, float* maxima)
    {
        int length = logits.Columns;
        new Span<float>(maxima, length).Fill(float.NegativeInfinity);
        for (int word = 0; word < logits.Rows; word++)
        {
            float* values = logits.Row(word);
            Vector512<float> shift = Vector512.Create(bias[word]);
            for (int i = 0; i < length; i += Lanes.Count)
            {
                Vector512<float> value = Vector512.Load(values + i) + shift;
                value.Store(values + i);
                Vector512.MaxNative(Vector512.Load(maxima + i), value).Store(maxima + i);
            }
        }
    }

    /// <summary>
    /// exponentials ← e^(logit - largest of the row), unless null, and the sum of each row's exponentials. They are
    /// stored past the caches: all tiles
    /// together are far larger than those, and a line that is written whole need not be read first.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Exponentiate(Matrix logits, float* exponentials, float* maxima, float* sums)
    {
        int length = logits.Columns;
        new Span<float>(sums, length).Clear();
        for (int word = 0; word < logits.Rows; word++)
        {
            float* values = logits.Row(word);
            long first = (long)word * length;
            for (int i = 0; i < length; i += Lanes.Count)
            {
                Vector512<float> exponential = Exponential.Of(Vector512.Load(values + i) - Vector512.Load(maxima + i));
                if (exponentials != null)
                {
                    exponential.StoreAlignedNonTemporal(exponentials + first + i);
                }

                (Vector512.Load(sums + i) + exponential).Store(sums + i);
            }
        }
    }

    /// <summary>
    /// Adds the rows' losses to <paramref name="loss"/>, first row first, and turns each tile's maxima into the factor
    /// that makes probabilities of its
    /// exponentials.
    /// </summary>
    private static double CombineTiles(OutputScratch scratch, OutputTiling tiling, int rowCount, double loss)
    {
        for (int row = 0; row < rowCount; row++)
        {
            float maximum = float.NegativeInfinity;
            for (int tile = 0; tile < tiling.TileCount; tile++)
            {
                maximum = Math.Max(maximum, scratch.TileMaxima(tile)[row]);
            }

            double sum = 0;
            for (int tile = 0; tile < tiling.TileCount; tile++)
            {
                float* tileMaximum = scratch.TileMaxima(tile) + row;
                double weight = Math.Exp((double)*tileMaximum - maximum);
                sum += weight * scratch.TileSums(tile)[row];
                *tileMaximum = (float)weight;
            }

            double inverse = 1 / sum;
            for (int tile = 0; tile < tiling.TileCount; tile++)
            {
                float* factor = scratch.TileMaxima(tile) + row;
                *factor = Math.Max((float)(*factor * inverse), SmallestFactor);
            }

            loss += maximum + Math.Log(sum) - scratch.TargetLogits[row];
        }

        // What only fills up the last vector has the probability zero.
        for (int tile = 0; tile < tiling.TileCount; tile++)
        {
            new Span<float>(scratch.TileMaxima(tile) + rowCount, tiling.TileStride - rowCount).Clear();
        }

        return loss;
    }

    /// <summary>
    /// Takes one from the probability p = f·e of each row's target, before the factor is applied: f·(e - 1/f) = p - 1.
    /// Where p is near one, so are e and f, and
    /// the difference is as exact as that of the probabilities.
    /// </summary>
    private static void SubtractTargets(Matrix exponentials, float* factors, ReadOnlySpan<int> targets, int firstWord)
    {
        for (int row = 0; row < targets.Length; row++)
        {
            int word = targets[row] - firstWord;
            if ((uint)word < (uint)exponentials.Rows)
            {
                exponentials.Row(word)[row] -= 1 / factors[row];
            }
        }
    }

    /// <summary>The gradient of each word's logit, summed over the rows and written or (keep) added to that of its
    /// bias.</summary>
    private static void SumBiasGradient(Matrix exponentials, float* factors, float* biasGradient, bool keep)
    {
        for (int word = 0; word < exponentials.Rows; word++)
        {
            float sum = RowKernels.Dot(exponentials.Row(word), factors, exponentials.Columns);
            biasGradient[word] = keep ? biasGradient[word] + sum : sum;
        }
    }
}

/// <summary>
/// How the logits, transposed (V, R), are cut: blocks of the shard's rows, and tiles of words that fit a core's level-2
/// cache beside their part of the
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
    public (int First, int Count) Block(int index) =>
        (index * BlockRows, Math.Min(BlockRows, Rows - (index * BlockRows)));

    /// <summary>First word and number of words of a tile.</summary>
    public (int First, int Count) Tile(int index) =>
        (index * TileWords, Math.Min(TileWords, VocabularySize - (index * TileWords)));

    private static int DivideUp(int dividend, int divisor) => (int)(((long)dividend + divisor - 1) / divisor);
}

/// <summary>The output layer's temporaries of one thread, re-used from call to call. Their contents between calls mean
/// nothing.</summary>
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

    /// <summary>Makes room for one evaluation; <paramref name="keepsTiles"/> when the second pass needs the first one's
    /// exponentials.</summary>
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
    public Matrix HiddenTransposed(int dimension) => _hiddenTransposed.AsMatrix(dimension, _tiling.TileStride);

    /// <summary>What the tile in hand takes of a block's states, or gives to their gradient (rows, D).</summary>
    public Matrix HiddenInHand(int rows, int dimension) => _hiddenInHand.AsMatrix(rows, dimension);

    /// <summary>Exponentials of tile <paramref name="tile"/> (words, whole vectors of rows).</summary>
    public Matrix Exponentials(int tile) =>
        Tile(_exponentials.Address + ((long)tile * _tiling.TileLength), tile);

    /// <summary>Logits of the tile in hand, which stay in a near cache (words, whole vectors of rows).</summary>
    public Matrix Logits(int tile) => Tile(_logits.Address, tile);

    /// <summary>Largest logit of each row within tile <paramref name="tile"/>; later the factor that turns the tile's
    /// exponentials into probabilities.</summary>
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

/// <summary>The parameters of the output layer, or their gradients.</summary>
internal readonly unsafe struct OutputWeights
{
    /// <summary>Weight (V, D), applied as h·Wᵀ.</summary>
    public required Matrix Weight { get; init; }

    /// <summary>Bias (V).</summary>
    public required float* Bias { get; init; }
}
