namespace RnnLm.Worker;

/// <summary>
/// <c>h' = tanh(x·Wh + h·Uh + b)</c>. Source: Elman, "Finding Structure in Time", 1990. Its parameters are declared in
/// <see cref="CellDeclaration"/>, since it is the cell of a job that names none.
/// </summary>
internal sealed class ElmanCell() : Cell(CellDeclaration.Of(CellDeclaration.DefaultName))
{
    /// <inheritdoc/>
    public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long dimension) => new ElmanUnit(dimension);

    /// <summary>The fast path of the device.</summary>
    public override IReplica CreateReplica(ModelSettings model, string device) =>
        device == "cpu" ? new FusedReplica(model) : new CudaReplica(model, device);

    /// <summary>The layout of a model that a fast path computes.</summary>
    /// <exception cref="ArgumentException">It has another cell.</exception>
    internal static ParameterLayout LayoutOf(ModelSettings model) => model.Cell == CellDeclaration.DefaultName
        ? ParameterLayout.For(model)
        : throw new ArgumentException($"this replica computes {CellDeclaration.DefaultName}, not {model.Cell}");
}

/// <summary>One layer's unit, on (batch, D) inputs and states.</summary>
internal sealed class ElmanUnit : nn.Module<Tensor, Tensor, Tensor>
{
    // The field names are the keys of the state dict, their order its order.
    private readonly Parameter Uh;
    private readonly Parameter Wh;
    private readonly Parameter b;

    /// <summary>Matrices (D, D) drawn from the standard normal distribution, a bias (D) of zeros.</summary>
    /// <param name="dimension">D.</param>
    public ElmanUnit(long dimension)
        : base(nameof(ElmanUnit))
    {
        Uh = nn.Parameter(randn(dimension, dimension));
        Wh = nn.Parameter(randn(dimension, dimension));
        b = nn.Parameter(zeros(dimension));
        RegisterComponents();
    }

    /// <summary>The next state (batch, D).</summary>
    /// <param name="input1">x, the input of this step (batch, D).</param>
    /// <param name="input2">h, the state after the step before (batch, D).</param>
    public override Tensor forward(Tensor input1, Tensor input2) => tanh(input1.matmul(Wh) + input2.matmul(Uh) + b);
}

/// <summary>Where a layer's parameters lie, in the order of their declaration.</summary>
internal static class ElmanLayout
{
    /// <summary>Recurrent matrix of a layer (D, D), applied as h·Uh.</summary>
    public static ParameterSegment Uh(this ParameterLayout layout, int layer) => layout.OfCell(layer, 0);

    /// <summary>Input matrix of a layer (D, D), applied as x·Wh.</summary>
    public static ParameterSegment Wh(this ParameterLayout layout, int layer) => layout.OfCell(layer, 1);

    /// <summary>Bias of a layer (D).</summary>
    public static ParameterSegment Bias(this ParameterLayout layout, int layer) => layout.OfCell(layer, 2);
}

/// <summary>
/// One Elman layer over a packed batch: h_t = tanh(x_t·Wh + h_{t-1}·Uh + b), h_0 = 0 (Elman, "Finding Structure in
/// Time", 1990), and
/// back-propagation through time. The steps depend on each other only through h·Uh; all else is one product over all
/// rows.
/// </summary>
internal static unsafe class ElmanScan
{
    /// <summary>Computes the layer's outputs.</summary>
    /// <param name="batch">Which rows belong to which step.</param>
    /// <param name="weights">Parameters.</param>
    /// <param name="inputs">x (R, D).</param>
    /// <param name="hidden">Receives h (R, D).</param>
    public static void Forward(
        PackedBatch batch, ElmanWeights weights, Matrix inputs, Matrix hidden)
    {
        MatrixProducts.Multiply(inputs, weights.Wh, hidden);

        int first = 0;
        int previousFirst = 0;
        foreach (int size in batch.BatchSizes)
        {
            Matrix step = hidden.RowRange(first, size);
            if (first > 0)
            {
                MatrixProducts.Multiply(hidden.RowRange(previousFirst, size), weights.Uh, step, keep: true);
            }

            RowKernels.AddBiasAndTanh(step, weights.Bias);
            previousFirst = first;
            first += size;
        }
    }

    /// <summary>Computes the gradients of parameters and inputs from the gradient of the outputs.</summary>
    /// <param name="batch">Which rows belong to which step.</param>
    /// <param name="weights">Parameters.</param>
    /// <param name="inputs">x (R, D).</param>
    /// <param name="hidden">h (R, D) of the forward pass.</param>
    /// <param name="hiddenGradient">Gradient of h (R, D); becomes the gradient of the values before tanh.</param>
    /// <param name="previousHidden">Room for R rows.</param>
    /// <param name="transposed">Room for a parameter's matrix (D, D).</param>
    /// <param name="weightGradients">Receives the gradients of the parameters.</param>
    /// <param name="inputGradient">Receives the gradient of x (R, D).</param>
    public static void Backward(
        PackedBatch batch,
        ElmanWeights weights,
        Matrix inputs,
        Matrix hidden,
        Matrix hiddenGradient,
        Matrix previousHidden,
        Matrix transposed,
        ElmanWeights weightGradients,
        Matrix inputGradient)
    {
        RowKernels.Transpose(weights.Uh, transposed);
        BackThroughTime(batch, transposed, hidden, hiddenGradient);

        MatrixProducts.Multiply(inputs.T, hiddenGradient, weightGradients.Wh);
        RowKernels.ColumnSums(hiddenGradient, weightGradients.Bias);
        RowKernels.Transpose(weights.Wh, transposed);
        MatrixProducts.Multiply(hiddenGradient, transposed, inputGradient);

        // Rows of the first step have no predecessor: h_0 is zero.
        int firstStep = batch.StepCount == 0 ? 0 : batch.BatchSizes[0];
        Matrix later = hiddenGradient.RowRange(firstStep, hiddenGradient.Rows - firstStep);
        Matrix predecessors = GatherPredecessors(batch, hidden, previousHidden);
        MatrixProducts.Multiply(predecessors.T, later, weightGradients.Uh);
    }

    private static void BackThroughTime(
        PackedBatch batch, Matrix transposedUh, Matrix hidden, Matrix hiddenGradient)
    {
        ReadOnlySpan<int> sizes = batch.BatchSizes;
        int nextFirst = batch.RowCount;
        int nextSize = 0;
        for (int t = sizes.Length - 1; t >= 0; t--)
        {
            int first = nextFirst - sizes[t];
            Matrix carried = hiddenGradient.RowRange(first, nextSize);
            MatrixProducts.Multiply(hiddenGradient.RowRange(nextFirst, nextSize), transposedUh, carried, keep: true);
            RowKernels.TanhBackward(hiddenGradient.RowRange(first, sizes[t]), hidden.RowRange(first, sizes[t]));
            nextFirst = first;
            nextSize = sizes[t];
        }
    }

    /// <summary>h_{t-1} of every row from the second step on, in row order.</summary>
    private static Matrix GatherPredecessors(PackedBatch batch, Matrix hidden, Matrix room)
    {
        ReadOnlySpan<int> sizes = batch.BatchSizes;
        int source = 0;
        int destination = 0;
        for (int t = 1; t < sizes.Length; t++)
        {
            Lanes.Copy(hidden.Row(source), room.Row(destination), checked(sizes[t] * hidden.Columns));
            source += sizes[t - 1];
            destination += sizes[t];
        }

        return room.RowRange(0, destination);
    }
}

/// <summary>The parameters of one Elman unit, or their gradients.</summary>
internal readonly unsafe struct ElmanWeights
{
    /// <summary>Recurrent matrix (D, D), applied as h·Uh.</summary>
    public required Matrix Uh { get; init; }

    /// <summary>Input matrix (D, D), applied as x·Wh.</summary>
    public required Matrix Wh { get; init; }

    /// <summary>Bias (D).</summary>
    public required float* Bias { get; init; }
}
