namespace RnnLm.Worker;

/// <summary>
/// Output layer and cross-entropy in one, in tensor operations for any device: blocks of rows are taken one after the
/// other, so that no logits
/// of all rows exist. The gradients are written out by hand: with p = softmax(h·Wᵀ + b) and y the target as a one-hot
/// row, d logits = p - y.
/// </summary>
public static class BlockwiseOutputLoss
{
    /// <summary>Rows whose logits exist at a time, unless the caller says otherwise.</summary>
    public const int DefaultBlockRows = 256;

    /// <summary>Sums over all rows.</summary>
    /// <param name="LossSum">Sum of -ln p(target), in nats, added up in float64.</param>
    /// <param name="HiddenGradient">(R, D).</param>
    /// <param name="WeightGradient">(V, D).</param>
    /// <param name="BiasGradient">(V).</param>
    public sealed record Result(double LossSum, Tensor HiddenGradient, Tensor WeightGradient, Tensor BiasGradient)
        : IDisposable
    {
        public void Dispose()
        {
            HiddenGradient.Dispose();
            WeightGradient.Dispose();
            BiasGradient.Dispose();
        }
    }

    /// <summary>The loss alone.</summary>
    /// <inheritdoc cref="Compute"/>
    public static double LossSum(
        Tensor hidden, Tensor weight, Tensor bias, Tensor targets, int blockRows = DefaultBlockRows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockRows);
        using IDisposable unrecorded = no_grad();
        double lossSum = 0;
        long rows = hidden.size(0);
        for (long start = 0; start < rows; start += blockRows)
        {
            using DisposeScope block = NewDisposeScope();
            long count = Math.Min(blockRows, rows - start);
            Tensor logProbabilities = LogProbabilities(hidden.narrow(0, start, count), weight, bias);
            lossSum += BlockLoss(logProbabilities, targets.narrow(0, start, count).unsqueeze(1));
        }

        return lossSum;
    }

    /// <summary>The loss and its gradients; what is returned belongs to the dispose scope around the call, if there is
    /// one.</summary>
    /// <param name="hidden">Rows before the output layer (R, D); R may be 0.</param>
    /// <param name="weight">(V, D).</param>
    /// <param name="bias">(V).</param>
    /// <param name="targets">int64 token ids (R).</param>
    /// <param name="blockRows">Most rows of a block.</param>
    public static Result Compute(
        Tensor hidden, Tensor weight, Tensor bias, Tensor targets, int blockRows = DefaultBlockRows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockRows);
        using IDisposable unrecorded = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor hiddenGradient = empty(hidden.shape, hidden.dtype, hidden.device);
        Tensor weightGradient = zeros_like(weight);
        Tensor biasGradient = zeros_like(bias);
        double lossSum = 0;
        long rows = hidden.size(0);
        for (long start = 0; start < rows; start += blockRows)
        {
            using DisposeScope block = NewDisposeScope();
            long count = Math.Min(blockRows, rows - start);
            Tensor rowsOfBlock = hidden.narrow(0, start, count);
            Tensor targetColumn = targets.narrow(0, start, count).unsqueeze(1);
            Tensor logProbabilities = LogProbabilities(rowsOfBlock, weight, bias);
            lossSum += BlockLoss(logProbabilities, targetColumn);

            Tensor logitGradient = logProbabilities.exp();
            logitGradient.scatter_(1, targetColumn, LessOne(logitGradient.gather(1, targetColumn)));
            hiddenGradient.narrow(0, start, count).copy_(logitGradient.mm(weight));
            weightGradient.addmm_(logitGradient.t(), rowsOfBlock);
            biasGradient.add_(logitGradient.sum(dim: 0));
        }

        scope.MoveToOuter(hiddenGradient, weightGradient, biasGradient);
        return new Result(lossSum, hiddenGradient, weightGradient, biasGradient);
    }

    private static Tensor LogProbabilities(Tensor rows, Tensor weight, Tensor bias) =>
        addmm(bias, rows, weight.t(), 1, 1).log_softmax(1);

    private static Tensor LessOne(Tensor values) => Terms.Sum(values, full_like(values, Terms.MinusOne));

    private static double BlockLoss(Tensor logProbabilities, Tensor targetColumn) =>
        -logProbabilities.gather(1, targetColumn).to(float64).sum().ToDouble();
}
