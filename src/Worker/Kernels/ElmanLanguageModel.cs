namespace RnnLm.Worker;

/// <summary>
/// The stacked Elman language model on the CPU: the summed cross-entropy of one shard and its gradient. A shard is computed by the calling thread
/// alone, in an order of operations that depends on the shard only, so its bits depend on parameters and tokens and nothing else. Safe to
/// share between threads that each bring a workspace.
/// </summary>
public sealed unsafe class ElmanLanguageModel
{
    private readonly ModelSettings _settings;

    /// <param name="settings">Sizes of the model.</param>
    public ElmanLanguageModel(ModelSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
        Layout = ParameterLayout.For(settings);
    }

    /// <summary>Where each parameter lies in the flat buffer.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>Computes loss, gradient and token count of a shard; an empty shard gives the identity.</summary>
    /// <param name="parameters">All parameters, laid out as <see cref="Layout"/> says.</param>
    /// <param name="shard">Examples.</param>
    /// <param name="workspace">Temporaries of the calling thread.</param>
    /// <param name="result">Receives sums over the shard's tokens; what it held is forgotten.</param>
    /// <exception cref="ArgumentException">A token id is outside the vocabulary, an example is too short, or a buffer belongs to another model.</exception>
    public void Compute(FloatBuffer parameters, ShardTokens shard, Workspace workspace, Gradient result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (result.Dense.Length != Layout.Length - Layout.Embedding.Length || result.Rows.Length != Layout.Embedding.Length)
        {
            throw new ArgumentException($"the gradient is not one of a model with {Layout.Length} parameters", nameof(result));
        }

        result.Clear();
        ArgumentNullException.ThrowIfNull(workspace);
        using ProductScope scope = workspace.Products.Enter();
        Begin(parameters, shard, workspace);
        PackedBatch batch = workspace.Batch;
        if (batch.RowCount == 0)
        {
            return;
        }

        MatrixProducts products = workspace.Products;
        Matrix embedded = Embed(parameters, workspace);
        Matrix top = Recur(parameters, workspace, embedded);

        Matrix outputGradient = workspace.OutputGradient.AsMatrix(batch.RowCount, _settings.Dimension);
        Matrix inputGradient = workspace.InputGradient.AsMatrix(batch.RowCount, _settings.Dimension);
        Matrix previousHidden = workspace.PreviousHidden.AsMatrix(batch.RowCount, _settings.Dimension);

        // Gradients lie as the parameters do, but for the embedding, which comes first there and travels as rows here.
        float* gradients = result.Dense.Address - Layout.Embedding.End;
        result.LossSum = OutputLayer.LossAndGradient(
            products, OutputWeightsIn(parameters.Address), top, batch.Targets, workspace.Output, outputGradient, OutputWeightsIn(gradients));

        for (int layer = _settings.Layers - 1; layer >= 0; layer--)
        {
            ElmanScan.Backward(
                products,
                batch,
                LayerWeightsIn(parameters.Address, layer),
                layer == 0 ? embedded : HiddenOf(workspace, layer - 1),
                HiddenOf(workspace, layer),
                outputGradient,
                previousHidden,
                LayerWeightsIn(gradients, layer),
                inputGradient);
            (outputGradient, inputGradient) = (inputGradient, outputGradient);
        }

        workspace.ReserveSortKeys(batch.RowCount);
        EmbeddingKernel.Backward(batch.Inputs, outputGradient, _settings.PaddingId, workspace.SortKeys, result);
        result.TokenCount = batch.RowCount;
        GC.KeepAlive(parameters);
    }

    /// <summary>The summed loss of a shard's <see cref="ShardTokens.TargetCount"/> tokens, in nats, without a gradient.</summary>
    /// <inheritdoc cref="Compute"/>
    public double Loss(FloatBuffer parameters, ShardTokens shard, Workspace workspace)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        using ProductScope scope = workspace.Products.Enter();
        Begin(parameters, shard, workspace);
        Matrix embedded = Embed(parameters, workspace);
        Matrix top = Recur(parameters, workspace, embedded);
        double loss = OutputLayer.Loss(workspace.Products, OutputWeightsIn(parameters.Address), top, workspace.Batch.Targets, workspace.Output);
        GC.KeepAlive(parameters);
        return loss;
    }

    private void Begin(FloatBuffer parameters, ShardTokens shard, Workspace workspace)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(shard);
        if (parameters.Length != Layout.Length)
        {
            throw new ArgumentException($"{parameters.Length} parameters given to a model of {Layout.Length}", nameof(parameters));
        }

        workspace.Batch.Pack(shard, _settings.VocabularySize);
    }

    private Matrix Embed(FloatBuffer parameters, Workspace workspace)
    {
        Matrix embedded = workspace.Embedded.AsMatrix(workspace.Batch.RowCount, _settings.Dimension);
        var embedding = new Matrix(parameters.Address + Layout.Embedding.Offset, _settings.VocabularySize, _settings.Dimension);
        EmbeddingKernel.Gather(embedding, workspace.Batch.Inputs, embedded);
        return embedded;
    }

    /// <summary>Runs the layers; returns the last one's outputs.</summary>
    private Matrix Recur(FloatBuffer parameters, Workspace workspace, Matrix embedded)
    {
        workspace.Hidden.Reserve(checked(_settings.Layers * embedded.Rows * embedded.Columns));
        Matrix below = embedded;
        for (int layer = 0; layer < _settings.Layers; layer++)
        {
            Matrix hidden = HiddenOf(workspace, layer);
            ElmanScan.Forward(workspace.Products, workspace.Batch, LayerWeightsIn(parameters.Address, layer), below, hidden);
            below = hidden;
        }

        return below;
    }

    private Matrix HiddenOf(Workspace workspace, int layer)
    {
        int rows = workspace.Batch.RowCount;
        return new Matrix(workspace.Hidden.Address + ((long)layer * rows * _settings.Dimension), rows, _settings.Dimension);
    }

    private ElmanWeights LayerWeightsIn(float* flat, int layer) => new()
    {
        Uh = new Matrix(flat + Layout.Uh(layer).Offset, _settings.Dimension, _settings.Dimension),
        Wh = new Matrix(flat + Layout.Wh(layer).Offset, _settings.Dimension, _settings.Dimension),
        Bias = flat + Layout.Bias(layer).Offset,
    };

    private OutputWeights OutputWeightsIn(float* flat) => new()
    {
        Weight = new Matrix(flat + Layout.OutputWeight.Offset, _settings.VocabularySize, _settings.Dimension),
        Bias = flat + Layout.OutputBias.Offset,
    };
}
