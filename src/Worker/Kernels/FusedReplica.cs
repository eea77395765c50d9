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
    private readonly int _parametersOfCell;
    private readonly LayerScan[] _layers;
    private readonly PackedBatch _batch = new();
    private readonly OutputScratch _output = new();

    /// <summary>Embedding rows of the inputs (R, E).</summary>
    private readonly GrowingBuffer _embedded = new();

    /// <summary>Outputs of each layer (R, D).</summary>
    private readonly GrowingBuffer[] _outputs;

    /// <summary>States of each layer before the first step (examples, S).</summary>
    private readonly GrowingBuffer[] _before;

    /// <summary>What dropout makes of the values that go into each layer, and into the output layer (R,
    /// width).</summary>
    private readonly GrowingBuffer[] _dropped;

    /// <summary>By what factors.</summary>
    private readonly GrowingBuffer[] _factors;

    /// <summary>Gradient of a layer's outputs (R, D), and that of its inputs, which take turns.</summary>
    private readonly GrowingBuffer[] _gradients = [new(), new()];

    /// <summary>Room to sort the rows by token.</summary>
    private long[] _sortKeys = [];
    private ParameterVersion? _loaded;
    private bool _isDropping;
    private bool _hasBefore;

    /// <summary>A replica for the thread that makes it.</summary>
    /// <param name="settings">Sizes of the model.</param>
    /// <exception cref="ArgumentException">There is no such path for its cell.</exception>
    public FusedReplica(ModelSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var cell = Cells.Of(settings);
        var make = cell.Scan ?? throw new ArgumentException($"cell {settings.Cell} has no kernels of its own");
        _settings = settings;
        Layout = ParameterLayout.For(settings);
        _parametersOfCell = cell.Declaration.Parameters.Count;
        _layers = [.. Enumerable.Range(0, settings.Layers).Select(_ => make(settings.Dimension))];
        _outputs = Buffers(settings.Layers);
        _before = Buffers(settings.Layers);
        _dropped = Buffers(settings.Layers + 1);
        _factors = Buffers(settings.Layers + 1);
    }

    /// <summary>Where each parameter lies in the flat buffer.</summary>
    internal ParameterLayout Layout { get; }

    private int StateOfLayer => Layout.StateWidth / _settings.Layers;

    /// <inheritdoc/>
    public void ComputeGradient(ParameterVersion parameters, ShardTokens shard, Gradient result)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Load(parameters);
        Gradient(parameters.Values, shard, parameters.Version, result);
    }

    /// <inheritdoc/>
    public double ComputeLoss(ParameterVersion parameters, ShardTokens shard)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Load(parameters);
        return LossOf(parameters.Values, shard);
    }

    /// <inheritdoc/>
    public (double LossSum, float[] State) ComputeLoss(ParameterVersion parameters, ShardTokens text, float[] state)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(state);
        if (text.ExampleCount != 1 || (state.Length != 0 && state.Length != Layout.StateWidth))
        {
            throw new ArgumentException("a text that goes on is one example with its state", nameof(text));
        }

        Load(parameters);
        float[] after = new float[Layout.StateWidth];
        fixed (float* before = state, into = after)
        {
            double loss = LossOf(parameters.Values, text, before);
            CopyStates(into);
            return (loss, after);
        }
    }

    /// <summary>Loss, gradient and token count of a shard; an empty shard gives the identity.</summary>
    /// <param name="parameters">All parameters, laid out as the model's layout says.</param>
    /// <param name="shard">Examples.</param>
    /// <param name="result">Receives sums over the shard's tokens; what it held is forgotten.</param>
    /// <exception cref="ArgumentException">A token id is outside the vocabulary, an example is too short, or a buffer
    /// belongs to another model.</exception>
    internal void Compute(FloatBuffer parameters, ShardTokens shard, Gradient result)
    {
        Load(parameters);
        Gradient(parameters, shard, step: 0, result);
    }

    /// <summary>The summed loss of a shard's tokens, in nats, without a gradient.</summary>
    /// <inheritdoc cref="Compute"/>
    internal double Loss(FloatBuffer parameters, ShardTokens shard)
    {
        Load(parameters);
        return LossOf(parameters, shard);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _output.Dispose();
        _embedded.Dispose();
        Array.ForEach(_layers, layer => layer.Dispose());
        foreach (var buffers in new[] { _outputs, _before, _dropped, _factors, _gradients })
        {
            Array.ForEach(buffers, buffer => buffer.Dispose());
        }
    }

    private static GrowingBuffer[] Buffers(int count) =>
        [.. Enumerable.Range(0, count).Select(_ => new GrowingBuffer())];

    /// <summary>Once for all shards of a version. By reference: the self-test has a version 0 of its own.</summary>
    private void Load(ParameterVersion parameters)
    {
        if (!ReferenceEquals(_loaded, parameters))
        {
            Load(parameters.Values);
            _loaded = parameters;
        }
    }

    private void Load(FloatBuffer parameters)
    {
        if (parameters.Length != Layout.BufferLength)
        {
            throw new ArgumentException(
                $"{parameters.Length} parameters given to a model of {Layout.BufferLength}", nameof(parameters));
        }

        _loaded = null;
        for (int layer = 0; layer < _layers.Length; layer++)
        {
            _layers[layer].Load(LayerIn(parameters, layer));
        }
    }

    private void Gradient(FloatBuffer parameters, ShardTokens shard, long step, Gradient result)
    {
        ArgumentNullException.ThrowIfNull(result);
        ArgumentNullException.ThrowIfNull(shard);
        if (result.Dense.Length != Layout.DenseLength || result.Rows.Length != Layout.DenseStart)
        {
            throw new ArgumentException(
                $"the gradient is not one of a model with {Layout.Length} parameters", nameof(result));
        }

        result.Clear();
        _batch.Pack(shard, _settings.VocabularySize);
        if (_batch.RowCount == 0)
        {
            return;
        }

        bool carries = _settings.CarriedRows > 0;
        if (carries && (uint)shard.FirstExample > (uint)(_settings.CarriedRows - shard.ExampleCount))
        {
            throw new ArgumentException("the shard has examples outside the batch", nameof(shard));
        }

        float* before = carries ? parameters.Address + Layout.StateOf(shard.FirstExample) : null;
        Recur(parameters, before, shard.FirstExample, new Dropout(_settings, step));
        if (carries)
        {
            float* states = result.Dense.Address + Layout.Length - Layout.DenseStart;
            new Span<float>(states, _settings.CarriedRows * Layout.StateWidth).Clear();
            CopyStates(states + ((long)shard.FirstExample * Layout.StateWidth));
        }

        GoBack(parameters, result);
        result.TokenCount = _batch.RowCount;
    }

    private double LossOf(FloatBuffer parameters, ShardTokens shard, float* before = null)
    {
        _batch.Pack(shard, _settings.VocabularySize);
        Recur(parameters, before, 0, null);
        return OutputLayer.Loss(OutputIn(parameters), Into(_layers.Length), _batch.Targets, _output);
    }

    /// <summary>Runs the layers.</summary>
    /// <param name="parameters">All parameters.</param>
    /// <param name="before">States before the first step, example after example; null for zeros.</param>
    /// <param name="firstExample">Number of the first example in the step's batch.</param>
    /// <param name="dropout">What is dropped; null for nothing.</param>
    private void Recur(FloatBuffer parameters, float* before, int firstExample, Dropout? dropout)
    {
        Matrix embedded = _embedded.AsMatrix(_batch.RowCount, _settings.EmbeddingWidth);
        EmbeddingKernel.Gather(In(parameters, Layout.Embedding), _batch.Inputs, embedded);
        (_isDropping, _hasBefore) = (dropout is { IsActive: true }, before != null);
        for (int layer = 0; layer < _layers.Length; layer++)
        {
            Drop(layer, firstExample, dropout);
            Matrix first = BeforeLayer(layer);
            for (int place = 0; place < first.Rows; place++)
            {
                float* state = before + ((long)_batch.Order[place] * Layout.StateWidth) + ((long)layer * StateOfLayer);
                Lanes.Copy(state, first.Row(place), StateOfLayer);
            }

            _layers[layer].Forward(_batch, Into(layer), first, OutputsOf(layer));
        }

        Drop(_layers.Length, firstExample, dropout);
    }

    /// <summary>Writes the states after the last step, example after example.</summary>
    private void CopyStates(float* into)
    {
        for (int place = 0; place < _batch.ExampleCount; place++)
        {
            int row = _batch.LastRow(place);
            for (int layer = 0; layer < _layers.Length; layer++)
            {
                float* state = into + ((long)_batch.Order[place] * Layout.StateWidth) + ((long)layer * StateOfLayer);
                _layers[layer].CopyState(OutputsOf(layer), row, state);
            }
        }
    }

    /// <summary>Writes loss and gradients.</summary>
    private void GoBack(FloatBuffer parameters, Gradient result)
    {
        var (outputGradient, inputGradient) = (_gradients[0], _gradients[1]);
        result.LossSum = OutputLayer.LossAndGradient(
            OutputIn(parameters),
            Into(_layers.Length),
            _batch.Targets,
            _output,
            outputGradient.AsMatrix(_batch.RowCount, _settings.Dimension),
            OutputIn(result.Dense, isGradient: true));
        UndoDrop(_layers.Length, outputGradient);
        for (int layer = _layers.Length - 1; layer >= 0; layer--)
        {
            _layers[layer].Backward(
                _batch,
                Into(layer),
                BeforeLayer(layer),
                OutputsOf(layer),
                outputGradient.AsMatrix(_batch.RowCount, _settings.Dimension),
                LayerIn(result.Dense, layer, isGradient: true),
                inputGradient.AsMatrix(_batch.RowCount, _settings.InputWidth(layer)));
            UndoDrop(layer, inputGradient);
            (outputGradient, inputGradient) = (inputGradient, outputGradient);
        }

        Matrix embeddedGradient = outputGradient.AsMatrix(_batch.RowCount, _settings.EmbeddingWidth);
        if (Layout.IsTied)
        {
            Matrix embedding = In(result.Dense, Layout.Embedding, isGradient: true);
            EmbeddingKernel.Add(_batch.Inputs, embeddedGradient, _settings.PaddingId, embedding);
            return;
        }

        if (_sortKeys.Length < _batch.RowCount)
        {
            _sortKeys = new long[_batch.RowCount];
        }

        EmbeddingKernel.Backward(_batch.Inputs, embeddedGradient, _settings.PaddingId, _sortKeys, result);
    }

    /// <summary>What goes into a layer, or into the output layer (R, width).</summary>
    private Matrix Into(int layer) =>
        _isDropping ? _dropped[layer].AsMatrix(_batch.RowCount, WidthInto(layer)) : Below(layer);

    /// <summary>The same before anything is dropped.</summary>
    private Matrix Below(int layer) =>
        layer == 0 ? _embedded.AsMatrix(_batch.RowCount, _settings.EmbeddingWidth) : OutputsOf(layer - 1);

    private int WidthInto(int layer) => layer == 0 ? _settings.EmbeddingWidth : _settings.Dimension;

    private Matrix OutputsOf(int layer) => _outputs[layer].AsMatrix(_batch.RowCount, _settings.Dimension);

    private Matrix BeforeLayer(int layer) => _hasBefore
        ? _before[layer].AsMatrix(_batch.ExampleCount, StateOfLayer)
        : new Matrix(null, 0, StateOfLayer);

    private void Drop(int layer, int firstExample, Dropout? dropout)
    {
        if (dropout is not { IsActive: true } active)
        {
            return;
        }

        Matrix below = Below(layer);
        Matrix factors = _factors[layer].AsMatrix(below.Rows, below.Columns);
        int row = 0;
        for (int token = 0; token < _batch.StepCount; token++)
        {
            for (int place = 0; place < _batch.BatchSizes[token]; place++, row++)
            {
                int example = firstExample + _batch.Order[place];
                active.Fill(layer, example, token, new Span<float>(factors.Row(row), factors.Columns));
            }
        }

        Lanes.Multiply(below.Address, factors.Address, Into(layer).Address, checked(below.Rows * below.Columns));
    }

    /// <summary>Takes the gradient of what goes into a layer back to what was there before.</summary>
    private void UndoDrop(int layer, GrowingBuffer gradient)
    {
        if (_isDropping)
        {
            int count = checked(_batch.RowCount * WidthInto(layer));
            Lanes.Multiply(gradient.Address, _factors[layer].Address, gradient.Address, count);
        }
    }

    private Matrix[] LayerIn(FloatBuffer flat, int layer, bool isGradient = false) =>
        [.. Enumerable.Range(0, _parametersOfCell).Select(index => In(flat, Layout.OfCell(layer, index), isGradient))];

    private OutputWeights OutputIn(FloatBuffer flat, bool isGradient = false) => new()
    {
        Weight = In(flat, Layout.OutputWeight, isGradient),
        Bias = In(flat, Layout.OutputBias, isGradient).Address,
    };

    /// <summary>A parameter as a matrix, a bias as one of one row.</summary>
    private Matrix In(FloatBuffer flat, ParameterSegment segment, bool isGradient = false) => new(
        flat.Address + segment.Offset - (isGradient ? Layout.DenseStart : 0),
        segment.Shape.Count == 1 ? 1 : segment.Shape[0],
        segment.Shape[^1]);
}
