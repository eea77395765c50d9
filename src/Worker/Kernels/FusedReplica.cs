namespace RnnLm.Worker;

/// <summary>
/// The fast path of the CPU: the summed cross-entropy of one shard and its gradient, straight from the published
/// parameters, in kernels of our own. A shard is computed by the calling thread alone, in an order of operations that
/// depends on the shard only, so its bits depend on parameters and tokens and nothing else. What earlier shards left in
/// the temporaries never shows in a result.
/// </summary>
public sealed unsafe class FusedReplica : IReplica
{
    private readonly ModelSettings _settings;
    private readonly PackedBatch _batch = new();
    private readonly OutputScratch _output = new();

    /// <summary>Embedding rows of the inputs (R, D).</summary>
    private readonly GrowingBuffer _embedded = new();

    /// <summary>Outputs of all layers (L·R, D), first layer first.</summary>
    private readonly GrowingBuffer _hidden = new();

    /// <summary>Gradient of a layer's outputs (R, D).</summary>
    private readonly GrowingBuffer _outputGradient = new();

    /// <summary>Gradient of the same layer's inputs (R, D).</summary>
    private readonly GrowingBuffer _inputGradient = new();

    /// <summary>Gathered h_{t-1} (R, D).</summary>
    private readonly GrowingBuffer _previousHidden = new();

    /// <summary>A layer's matrix, transposed (D, D).</summary>
    private readonly GrowingBuffer _transposed = new();

    /// <summary>Room to sort the rows by token.</summary>
    private long[] _sortKeys = [];

    /// <summary>A replica for the thread that makes it.</summary>
    /// <param name="settings">Sizes of the model.</param>
    public FusedReplica(ModelSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
        Layout = ElmanCell.LayoutOf(settings);
    }

    /// <summary>Where each parameter lies in the flat buffer.</summary>
    internal ParameterLayout Layout { get; }

    /// <inheritdoc/>
    public void ComputeGradient(ParameterVersion parameters, ShardTokens shard, Gradient result)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Compute(parameters.Values, shard, result);
    }

    /// <inheritdoc/>
    public double ComputeLoss(ParameterVersion parameters, ShardTokens shard)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return Loss(parameters.Values, shard);
    }

    /// <summary>Loss, gradient and token count of a shard; an empty shard gives the identity.</summary>
    /// <param name="parameters">All parameters, laid out as the model's layout says.</param>
    /// <param name="shard">Examples.</param>
    /// <param name="result">Receives sums over the shard's tokens; what it held is forgotten.</param>
    /// <exception cref="ArgumentException">A token id is outside the vocabulary, an example is too short, or a buffer
    /// belongs to another model.</exception>
    internal void Compute(FloatBuffer parameters, ShardTokens shard, Gradient result)
    {
        ArgumentNullException.ThrowIfNull(result);
        int embedding = Layout.Embedding.Length;
        if (result.Dense.Length != Layout.Length - embedding || result.Rows.Length != embedding)
        {
            throw new ArgumentException(
                $"the gradient is not one of a model with {Layout.Length} parameters", nameof(result));
        }

        result.Clear();
        Begin(parameters, shard);
        if (_batch.RowCount == 0)
        {
            return;
        }

        Matrix embedded = Embed(parameters);
        Matrix top = Recur(parameters, embedded);

        Matrix outputGradient = _outputGradient.AsMatrix(_batch.RowCount, _settings.Dimension);
        Matrix inputGradient = _inputGradient.AsMatrix(_batch.RowCount, _settings.Dimension);
        Matrix transposed = _transposed.AsMatrix(_settings.Dimension, _settings.Dimension);
        Matrix previousHidden = _previousHidden.AsMatrix(_batch.RowCount, _settings.Dimension);
        result.LossSum = OutputLayer.LossAndGradient(
            OutputIn(parameters),
            top,
            _batch.Targets,
            _output,
            outputGradient,
            OutputIn(result.Dense, isGradient: true));

        for (int layer = _settings.Layers - 1; layer >= 0; layer--)
        {
            ElmanScan.Backward(
                    _batch,
                LayerIn(parameters, layer),
                layer == 0 ? embedded : HiddenOf(layer - 1),
                HiddenOf(layer),
                outputGradient,
                previousHidden,
                transposed,
                LayerIn(result.Dense, layer, isGradient: true),
                inputGradient);
            (outputGradient, inputGradient) = (inputGradient, outputGradient);
        }

        if (_sortKeys.Length < _batch.RowCount)
        {
            _sortKeys = new long[_batch.RowCount];
        }

        EmbeddingKernel.Backward(_batch.Inputs, outputGradient, _settings.PaddingId, _sortKeys, result);
        result.TokenCount = _batch.RowCount;
    }

    /// <summary>The summed loss of a shard's tokens, in nats, without a gradient.</summary>
    /// <inheritdoc cref="Compute"/>
    internal double Loss(FloatBuffer parameters, ShardTokens shard)
    {
        Begin(parameters, shard);
        Matrix top = Recur(parameters, Embed(parameters));
        return OutputLayer.Loss(OutputIn(parameters), top, _batch.Targets, _output);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _output.Dispose();
        _embedded.Dispose();
        _hidden.Dispose();
        _outputGradient.Dispose();
        _inputGradient.Dispose();
        _previousHidden.Dispose();
        _transposed.Dispose();
    }

    private void Begin(FloatBuffer parameters, ShardTokens shard)
    {
        ArgumentNullException.ThrowIfNull(shard);
        if (parameters.Length != Layout.Length)
        {
            throw new ArgumentException(
                $"{parameters.Length} parameters given to a model of {Layout.Length}", nameof(parameters));
        }

        _batch.Pack(shard, _settings.VocabularySize);
    }

    private Matrix Embed(FloatBuffer parameters)
    {
        Matrix embedded = _embedded.AsMatrix(_batch.RowCount, _settings.Dimension);
        EmbeddingKernel.Gather(In(parameters, Layout.Embedding), _batch.Inputs, embedded);
        return embedded;
    }

    /// <summary>Runs the layers; returns the last one's outputs.</summary>
    private Matrix Recur(FloatBuffer parameters, Matrix embedded)
    {
        _hidden.Reserve(checked(_settings.Layers * embedded.Rows * embedded.Columns));
        Matrix below = embedded;
        for (int layer = 0; layer < _settings.Layers; layer++)
        {
            Matrix hidden = HiddenOf(layer);
            ElmanScan.Forward(_batch, LayerIn(parameters, layer), below, hidden);
            below = hidden;
        }

        return below;
    }

    private Matrix HiddenOf(int layer)
    {
        int rows = _batch.RowCount;
        return new Matrix(_hidden.Address + ((long)layer * rows * _settings.Dimension), rows, _settings.Dimension);
    }

    private ElmanWeights LayerIn(FloatBuffer flat, int layer, bool isGradient = false) => new()
    {
        Uh = In(flat, Layout.Uh(layer), isGradient),
        Wh = In(flat, Layout.Wh(layer), isGradient),
        Bias = In(flat, Layout.Bias(layer), isGradient).Address,
    };

    private OutputWeights OutputIn(FloatBuffer flat, bool isGradient = false) => new()
    {
        Weight = In(flat, Layout.OutputWeight, isGradient),
        Bias = In(flat, Layout.OutputBias, isGradient).Address,
    };

    /// <summary>A parameter as a matrix, a bias as one of one row. Gradients lie as the parameters do, but for the
    /// embedding, which comes first there and travels as rows here.</summary>
    private Matrix In(FloatBuffer flat, ParameterSegment segment, bool isGradient = false) => new(
        flat.Address + segment.Offset - (isGradient ? Layout.Embedding.End : 0),
        segment.Shape.Count == 1 ? 1 : segment.Shape[0],
        segment.Shape[^1]);
}
