namespace RnnLm.Worker;

/// <summary>
/// One layer over a packed batch, forward and backward, by hand. What the forward pass keeps for the backward pass is
/// the layer's own. The calling thread computes alone, in an order of operations that depends on the operands only.
/// </summary>
internal abstract class LayerScan : IDisposable
{
    /// <summary>Prepares what all shards of a version share.</summary>
    /// <param name="parameters">In the order of the cell's declaration, a bias as one row.</param>
    public abstract void Load(Matrix[] parameters);

    /// <summary>Computes the layer's outputs.</summary>
    /// <param name="batch">Which rows belong to which step.</param>
    /// <param name="inputs">x (R, I).</param>
    /// <param name="first">States before the first step (examples, S), in the batch's order; no rows for zeros.</param>
    /// <param name="outputs">Receives the outputs (R, D).</param>
    public abstract void Forward(PackedBatch batch, Matrix inputs, Matrix first, Matrix outputs);

    /// <summary>Computes the gradients of parameters and inputs from that of the outputs. The states before the first
    /// step are constants.</summary>
    /// <param name="batch">As it was in the forward pass, like the next three.</param>
    /// <param name="inputs">x (R, I).</param>
    /// <param name="first">States before the first step.</param>
    /// <param name="outputs">Outputs (R, D).</param>
    /// <param name="outputGradient">Gradient of the outputs (R, D); overwritten.</param>
    /// <param name="gradients">Receive the gradients of the parameters.</param>
    /// <param name="inputGradient">Receives the gradient of x (R, I).</param>
    public abstract void Backward(
        PackedBatch batch,
        Matrix inputs,
        Matrix first,
        Matrix outputs,
        Matrix outputGradient,
        Matrix[] gradients,
        Matrix inputGradient);

    /// <summary>Writes the state (S) after a row of the forward pass.</summary>
    public virtual unsafe void CopyState(Matrix outputs, int row, float* state) =>
        Lanes.Copy(outputs.Row(row), state, outputs.Columns);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>The rows of a step, and those of the step before that go on in it: none for the first step.</summary>
    protected readonly record struct Step(int First, int Size, int PreviousFirst)
    {
        /// <summary>Whether there is no step before.</summary>
        public bool IsFirst => First == 0;
    }

    /// <summary>The steps in order.</summary>
    protected static IReadOnlyList<Step> StepsOf(PackedBatch batch)
    {
        var steps = new Step[batch.StepCount];
        for (int t = 0, first = 0, previous = 0; t < steps.Length; t++)
        {
            steps[t] = new Step(first, batch.BatchSizes[t], previous);
            (previous, first) = (first, first + batch.BatchSizes[t]);
        }

        return steps;
    }

    /// <summary>What the rows of a step come after: the outputs of the step before, or of the states before the first
    /// (its first D columns); without rows when those are zeros.</summary>
    protected static Matrix Before(Step step, Matrix values, Matrix first) =>
        !step.IsFirst ? values.RowRange(step.PreviousFirst, step.Size)
            : first.Rows == 0 ? values.RowRange(0, 0)
            : first.ColumnRange(0, values.Columns);

    /// <summary>
    /// The value before each row that has one, in row order, and those rows of a gradient: what a recurrent weight's
    /// gradient is the product of. A first step from zeros has none.
    /// </summary>
    /// <param name="steps">Of the batch.</param>
    /// <param name="values">Values of all rows (R, D).</param>
    /// <param name="first">States before the first step.</param>
    /// <param name="gradient">Of all rows (R, n).</param>
    /// <param name="room">For the values (R, D).</param>
    protected static unsafe (Matrix Before, Matrix Gradient) Predecessors(
        IReadOnlyList<Step> steps, Matrix values, Matrix first, Matrix gradient, GrowingBuffer room)
    {
        Matrix copies = room.AsMatrix(values.Rows, values.Columns);
        int count = 0;
        foreach (var step in steps)
        {
            Matrix before = Before(step, values, first);
            for (int row = 0; row < before.Rows; row++)
            {
                Lanes.Copy(before.Row(row), copies.Row(count++), values.Columns);
            }
        }

        int without = values.Rows - count;
        return (copies.RowRange(0, count), gradient.RowRange(without, count));
    }
}
