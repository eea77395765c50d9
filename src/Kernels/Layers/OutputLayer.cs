using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Kernels;

/// <summary>
/// Output layer, softmax and cross-entropy as one kernel over blocks of rows and tiles of the vocabulary, so that the logits of a whole batch never
/// exist. First pass over the tiles of a block: logits, e^(logit - largest of the tile), sums. Then the log-sum-exp of each row from its tiles
/// (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018). Second pass: probabilities minus one at the target, which is the gradient
/// of the logits, and the products with it. Each logit costs one exponential.
/// </summary>
internal static unsafe class OutputLayer
{
    /// <summary>The sum over the rows of -log softmax(h·Wᵀ + b)[target], in nats.</summary>
    /// <param name="products">Matrix products.</param>
    /// <param name="weights">Parameters.</param>
    /// <param name="hidden">h (R, D).</param>
    /// <param name="targets">Target token of each row.</param>
    /// <param name="scratch">Temporaries.</param>
    public static double Loss(
        MatrixProducts products, OutputWeights weights, Matrix hidden, ReadOnlySpan<int> targets, OutputScratch scratch)
    {
        var tiling = new OutputTiling(hidden.Rows, weights.Weight.Rows);
        scratch.Prepare(tiling, keepsTiles: false);
        double loss = 0;
        for (int block = 0; block < tiling.BlockCount; block++)
        {
            (int firstRow, int rowCount) = tiling.Block(block);
            Matrix blockHidden = hidden.RowRange(firstRow, rowCount);
            ReadOnlySpan<int> blockTargets = targets.Slice(firstRow, rowCount);
            for (int tile = 0; tile < tiling.TileCount; tile++)
            {
                ComputeTile(products, weights, blockHidden, blockTargets, scratch, tiling, tile, keepsExponentials: false);
            }

            loss = CombineTiles(scratch, tiling, rowCount, loss);
        }

        return loss;
    }

    /// <summary>The loss as <see cref="Loss"/> has it, and its gradients.</summary>
    /// <param name="products">Matrix products.</param>
    /// <param name="weights">Parameters.</param>
    /// <param name="hidden">h (R, D).</param>
    /// <param name="targets">Target token of each row.</param>
    /// <param name="scratch">Temporaries.</param>
    /// <param name="hiddenGradient">Receives the gradient of h (R, D).</param>
    /// <param name="weightGradients">Receives the gradients of the parameters.</param>
    public static double LossAndGradient(
        MatrixProducts products,
        OutputWeights weights,
        Matrix hidden,
        ReadOnlySpan<int> targets,
        OutputScratch scratch,
        Matrix hiddenGradient,
        OutputWeights weightGradients)
    {
        var tiling = new OutputTiling(hidden.Rows, weights.Weight.Rows);
        scratch.Prepare(tiling, keepsTiles: true);
        if (tiling.BlockCount == 0)
        {
            new Span<float>(weightGradients.Weight.Address, weightGradients.Weight.Rows * weightGradients.Weight.Columns).Clear();
            new Span<float>(weightGradients.Bias, weightGradients.Weight.Rows).Clear();
        }

        double loss = 0;
        for (int block = 0; block < tiling.BlockCount; block++)
        {
            (int firstRow, int rowCount) = tiling.Block(block);
            Matrix blockHidden = hidden.RowRange(firstRow, rowCount);
            Matrix blockHiddenGradient = hiddenGradient.RowRange(firstRow, rowCount);
            ReadOnlySpan<int> blockTargets = targets.Slice(firstRow, rowCount);
            for (int tile = 0; tile < tiling.TileCount; tile++)
            {
                ComputeTile(products, weights, blockHidden, blockTargets, scratch, tiling, tile, keepsExponentials: true);
            }

            loss = CombineTiles(scratch, tiling, rowCount, loss);

            for (int tile = 0; tile < tiling.TileCount; tile++)
            {
                (int firstColumn, int columnCount) = tiling.Tile(tile);
                Matrix logitGradients = scratch.TileInHand(tile, rowCount);
                ComputeLogitGradients(scratch, tile, firstColumn, blockTargets, logitGradients);

                Matrix tileWeight = weights.Weight.RowRange(firstColumn, columnCount);
                Matrix tileWeightGradient = weightGradients.Weight.RowRange(firstColumn, columnCount);
                products.Multiply(logitGradients, tileWeight, blockHiddenGradient, keep: tile == 0 ? 0 : 1);
                products.Multiply(logitGradients.T, blockHidden, tileWeightGradient, keep: block == 0 ? 0 : 1);
                if (block == 0)
                {
                    RowKernels.Copy(scratch.TileColumnSums, weightGradients.Bias + firstColumn, columnCount);
                }
                else
                {
                    RowKernels.Add(weightGradients.Bias + firstColumn, scratch.TileColumnSums, columnCount);
                }
            }
        }

        return loss;
    }

    /// <summary>First pass over one tile: its exponentials, and each row's largest logit and sum.</summary>
    private static void ComputeTile(
        MatrixProducts products,
        OutputWeights weights,
        Matrix hidden,
        ReadOnlySpan<int> targets,
        OutputScratch scratch,
        OutputTiling tiling,
        int tile,
        bool keepsExponentials)
    {
        (int firstColumn, int columnCount) = tiling.Tile(tile);
        Matrix logits = scratch.TileInHand(tile, hidden.Rows);
        products.Multiply(hidden, weights.Weight.RowRange(firstColumn, columnCount).T, logits);

        // Columns that only fill up the last vector get a logit of -∞: they are never the largest and their exponential is zero.
        int filled = Lanes.RoundUp(columnCount);
        float* bias = scratch.TileBias;
        RowKernels.Copy(weights.Bias + firstColumn, bias, columnCount);
        new Span<float>(bias + columnCount, filled - columnCount).Fill(float.NegativeInfinity);
        for (int row = 0; row < logits.Rows && filled > columnCount; row++)
        {
            new Span<float>(logits.Row(row) + columnCount, filled - columnCount).Clear();
        }

        float* targetLogits = scratch.TargetLogits;
        for (int row = 0; row < logits.Rows; row++)
        {
            int column = targets[row] - firstColumn;
            if ((uint)column < (uint)columnCount)
            {
                targetLogits[row] = logits.Row(row)[column] + bias[column];
            }
        }

        float* exponentials = keepsExponentials ? scratch.Exponentials(tile, hidden.Rows).Address : null;
        Exponentiate(logits, filled, bias, exponentials, scratch.TileMaxima(tile), scratch.TileSums(tile));
    }

    /// <summary>
    /// exponentials ← e^(logit + bias - largest of the row), unless null, with each row's largest and the sum of its exponentials. They are stored past the caches: all tiles
    /// together are far larger than those, and a line that is written whole need not be read first.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Exponentiate(Matrix logits, int columns, float* bias, float* exponentials, float* maxima, float* sums)
    {
        for (int row = 0; row < logits.Rows; row++)
        {
            float* values = logits.Row(row);
            Vector512<float> largest = Vector512.Create(float.NegativeInfinity);
            for (int column = 0; column < columns; column += Lanes.Count)
            {
                largest = Vector512.MaxNative(largest, Vector512.Load(values + column) + Vector512.Load(bias + column));
            }

            float maximum = Lanes.Largest(largest);
            Vector512<float> shift = Vector512.Create(maximum);
            Vector512<float> sum = Vector512<float>.Zero;
            for (int column = 0; column < columns; column += Lanes.Count)
            {
                Vector512<float> exponential = Exponential.Of(Vector512.Load(values + column) + Vector512.Load(bias + column) - shift);
                if (exponentials != null)
                {
                    exponential.StoreAlignedNonTemporal(exponentials + ((long)row * logits.Stride) + column);
                }

                sum += exponential;
            }

            maxima[row] = maximum;
            sums[row] = Vector512.Sum(sum);
        }
    }

    /// <summary>
    /// Adds the rows' losses to <paramref name="loss"/>, first row first, and turns each tile's maxima into the factor that makes probabilities of its
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
                scratch.TileMaxima(tile)[row] = (float)(scratch.TileMaxima(tile)[row] * inverse);
            }

            loss += maximum + Math.Log(sum) - scratch.TargetLogits[row];
        }

        return loss;
    }

    /// <summary>Second pass over one tile: softmax minus one at the target, and the sums over the rows.</summary>
    private static void ComputeLogitGradients(OutputScratch scratch, int tile, int firstColumn, ReadOnlySpan<int> targets, Matrix gradients)
    {
        Matrix exponentials = scratch.Exponentials(tile, gradients.Rows);
        float* factors = scratch.TileMaxima(tile);
        float* sums = scratch.TileColumnSums;
        int filled = Lanes.RoundUp(gradients.Columns);
        new Span<float>(sums, filled).Clear();
        for (int row = 0; row < gradients.Rows; row++)
        {
            float* gradient = gradients.Row(row);
            Scale(exponentials.Row(row), factors[row], gradient, sums, filled);
            int column = targets[row] - firstColumn;
            if ((uint)column < (uint)gradients.Columns)
            {
                gradient[column] -= 1f;
                sums[column] -= 1f;
            }
        }
    }

    /// <summary>scaled ← factor · values, and sums ← sums + scaled.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scale(float* values, float factor, float* scaled, float* sums, int columns)
    {
        Vector512<float> factors = Vector512.Create(factor);
        for (int column = 0; column < columns; column += Lanes.Count)
        {
            Vector512<float> product = Vector512.Load(values + column) * factors;
            product.Store(scaled + column);
            (Vector512.Load(sums + column) + product).Store(sums + column);
        }
    }
}
