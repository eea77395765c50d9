using System.Runtime.InteropServices;

namespace RnnLm.Worker;

/// <summary>
/// A replica in libtorch, on any device. A shard's examples are padded to its longest and masked by length.
/// </summary>
/// <remarks>Dispose scopes belong to a thread: a replica is used by the one thread that made it.</remarks>
public abstract class TorchReplica : IReplica
{
    private readonly Device _device;
    private ParameterVersion? _loaded;

    static TorchReplica()
    {
        // Read when cuBLAS is first used; .NET's own environment would not reach it.
        if (!OperatingSystem.IsWindows())
        {
            _ = setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", overwrite: 0);
        }

        backends.cuda.matmul.allow_tf32 = false;
        backends.cudnn.allow_tf32 = false;
    }

    /// <summary>A replica on a device.</summary>
    /// <param name="settings">The model.</param>
    /// <param name="device">As libtorch names it: <c>cpu</c>, <c>cuda:0</c>.</param>
    private protected TorchReplica(ModelSettings settings, string device)
    {
        Settings = settings;
        Layout = ParameterLayout.For(settings);
        _device = torch.device(device);

        // On the CPU a shard is one thread's; libtorch keeps this setting for the thread's own parallel regions.
        set_num_threads(1);
    }

    private protected ModelSettings Settings { get; }

    private protected ParameterLayout Layout { get; }

    /// <inheritdoc/>
    public void ComputeGradient(ParameterVersion parameters, ShardTokens shard, Gradient result)
    {
        ArgumentNullException.ThrowIfNull(shard);
        ArgumentNullException.ThrowIfNull(result);
        result.Clear();
        if (shard.TargetCount == 0)
        {
            return;
        }

        Load(parameters);
        using var scope = NewDisposeScope();
        result.LossSum = ComputeGradient(new PaddedBatch(shard, _device), result);
        result.TokenCount = shard.TargetCount;
    }

    /// <inheritdoc/>
    public double ComputeLoss(ParameterVersion parameters, ShardTokens shard)
    {
        ArgumentNullException.ThrowIfNull(shard);
        if (shard.TargetCount == 0)
        {
            return 0;
        }

        Load(parameters);
        using var scope = NewDisposeScope();
        using var unrecorded = no_grad();
        return ComputeLoss(new PaddedBatch(shard, _device));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Disposes of the model.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>Takes new parameters.</summary>
    private protected abstract void Load(ReadOnlySpan<float> parameters);

    /// <summary>Writes all gradients; returns the loss.</summary>
    private protected abstract double ComputeGradient(PaddedBatch batch, Gradient result);

    /// <summary>The loss alone; nothing is recorded for autograd.</summary>
    private protected abstract double ComputeLoss(PaddedBatch batch);

    /// <summary>Copies a gradient to where the layout says.</summary>
    private protected void CopyDense(Tensor? gradient, ParameterSegment segment, Gradient result)
    {
        var values = gradient ?? throw new InvalidOperationException($"autograd gave no gradient of {segment.Name}");
        FlatParameters.CopyOut(values, result.Dense.Span.Slice(segment.Offset - Layout.Embedding.End, segment.Length));
    }

    /// <summary>
    /// Sums the gradients of embedding rows by token. Row by row and in order: how libtorch's embedding adds them up is
    /// not fixed on a GPU.
    /// </summary>
    /// <param name="batch">Tokens.</param>
    /// <param name="embedded">Embedding rows (examples, time, D) with their gradient.</param>
    /// <param name="result">Receives RowIds, Rows and RowCount.</param>
    private protected unsafe void SumRows(PaddedBatch batch, Tensor embedded, Gradient result)
    {
        using var rows = new FloatBuffer(batch.Ids.Length * Settings.Dimension);
        FlatParameters.CopyOut(batch.RowsOf(embedded.grad!), rows.Span);
        EmbeddingKernel.Backward(
            batch.Ids,
            new Matrix(rows.Address, batch.Ids.Length, Settings.Dimension),
            Settings.PaddingId,
            new long[batch.Ids.Length],
            result);
    }

    private void Load(ParameterVersion parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);

        // By reference: the self-test has a version 0 of its own.
        if (!ReferenceEquals(_loaded, parameters))
        {
            Load(parameters.Values.Span);
            _loaded = parameters;
        }
    }

    [DllImport("libc", CharSet = CharSet.Ansi)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int setenv(string name, string value, int overwrite);

    /// <summary>The examples of a shard side by side.</summary>
    private protected sealed class PaddedBatch
    {
        public PaddedBatch(ShardTokens shard, Device device)
        {
            int time = Enumerable.Range(0, shard.ExampleCount).Max(example => shard.Example(example).Length) - 1;
            long[] inputs = new long[shard.ExampleCount * time];
            long[] positions = new long[shard.TargetCount];
            long[] targets = new long[shard.TargetCount];
            Ids = new int[shard.TargetCount];
            int row = 0;
            for (int example = 0; example < shard.ExampleCount; example++)
            {
                var ids = shard.Example(example);
                for (int t = 0; t + 1 < ids.Length; t++, row++)
                {
                    int position = (example * time) + t;
                    (inputs[position], positions[row], targets[row], Ids[row]) = (ids[t], position, ids[t + 1], ids[t]);
                }
            }

            Inputs = tensor(inputs, [shard.ExampleCount, time], device: device);
            Positions = tensor(positions, device: device);
            Targets = tensor(targets, device: device);
        }

        /// <summary>int64 tokens (examples, time), zeros behind an example's end.</summary>
        public Tensor Inputs { get; }

        /// <summary>Where the R predicted positions lie in the flattened inputs (R).</summary>
        public Tensor Positions { get; }

        /// <summary>int64 target of each predicted position (R).</summary>
        public Tensor Targets { get; }

        /// <summary>Input token of each predicted position.</summary>
        public int[] Ids { get; }

        /// <summary>The rows (R, n) of values (examples, time, n) at the predicted positions.</summary>
        public Tensor RowsOf(Tensor values) => values.reshape(-1, values.size(2)).index_select(0, Positions);
    }
}

/// <summary>The plain path: the model's module and autograd. Slow, and right for every cell and device.</summary>
public sealed class PlainReplica : TorchReplica
{
    private readonly RnnLanguageModel _model;

    /// <inheritdoc cref="TorchReplica(ModelSettings, string)"/>
    public PlainReplica(ModelSettings settings, string device)
        : base(settings, device)
    {
        _model = new RnnLanguageModel(settings);
        _model.to(torch.device(device));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _model.Dispose();

    private protected override void Load(ReadOnlySpan<float> parameters) =>
        FlatParameters.Load(_model, Layout, parameters);

    private protected override double ComputeLoss(PaddedBatch batch) =>
        Loss(batch, _model.embed(batch.Inputs)).ToDouble();

    private protected override double ComputeGradient(PaddedBatch batch, Gradient result)
    {
        _model.zero_grad();
        Tensor embedded = _model.embed(batch.Inputs).detach().requires_grad_();
        Tensor loss = Loss(batch, embedded);
        loss.backward();
        foreach (var segment in Layout.Segments.Where(segment => segment != Layout.Embedding))
        {
            CopyDense(_model.get_parameter(segment.Name)!.grad, segment, result);
        }

        SumRows(batch, embedded, result);
        return loss.ToDouble();
    }

    private Tensor Loss(PaddedBatch batch, Tensor embedded) => nn.functional.cross_entropy(
        _model.logits(batch.RowsOf(_model.hidden(embedded))), batch.Targets, reduction: nn.Reduction.Sum);
}

/// <summary>
/// The fast path of a GPU: cuDNN's RNN in one launch for all steps of all layers, and the output layer in blocks of
/// rows. The
/// same parameters give the same bits again: what cuDNN and cuBLAS may choose is fixed, and no sum runs over
/// atomics. On the CPU it computes the same by libtorch's own RNN.
/// </summary>
public sealed class CudaReplica : TorchReplica
{
    private readonly TorchSharp.Modules.RNN _rnn;
    private readonly Tensor _embedding;
    private readonly Tensor _outputWeight;
    private readonly Tensor _outputBias;

    /// <inheritdoc cref="TorchReplica(ModelSettings, string)"/>
    public CudaReplica(ModelSettings settings, string device)
        : base(settings, device)
    {
        ElmanCell.LayoutOf(settings);
        var where = torch.device(device);
        _rnn = nn.RNN(settings.Dimension, settings.Dimension, settings.Layers, batchFirst: true);
        _rnn.to(where);
        _rnn.flatten_parameters();
        _embedding = Empty(Layout.Embedding, where);
        _outputWeight = Empty(Layout.OutputWeight, where);
        _outputBias = Empty(Layout.OutputBias, where);
        for (int layer = 0; layer < settings.Layers; layer++)
        {
            // The unit has one bias; a second one would be updated twice.
            using var unrecorded = no_grad();
            var second = _rnn.get_bias_hh(layer)!;
            second.zero_();
            second.requires_grad = false;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _rnn.Dispose();
        _embedding.Dispose();
        _outputWeight.Dispose();
        _outputBias.Dispose();
    }

    private protected override void Load(ReadOnlySpan<float> parameters)
    {
        using var unrecorded = no_grad();
        using var scope = NewDisposeScope();
        FlatParameters.CopyIn(parameters, Layout.Embedding, _embedding);
        FlatParameters.CopyIn(parameters, Layout.OutputWeight, _outputWeight);
        FlatParameters.CopyIn(parameters, Layout.OutputBias, _outputBias);
        for (int layer = 0; layer < Settings.Layers; layer++)
        {
            // x·Wh + h·Uh + b = x·W_ihᵀ + b_ih + h·W_hhᵀ + b_hh with W_ih = Whᵀ, W_hh = Uhᵀ, b_ih = b, b_hh = 0.
            FlatParameters.CopyIn(parameters, Layout.Wh(layer), _rnn.get_weight_ih(layer)!.t());
            FlatParameters.CopyIn(parameters, Layout.Uh(layer), _rnn.get_weight_hh(layer)!.t());
            FlatParameters.CopyIn(parameters, Layout.Bias(layer), _rnn.get_bias_ih(layer)!);
        }
    }

    private protected override double ComputeLoss(PaddedBatch batch) => BlockwiseOutputLoss.LossSum(
        batch.RowsOf(Hidden(Embedded(batch))), _outputWeight, _outputBias, batch.Targets);

    private protected override double ComputeGradient(PaddedBatch batch, Gradient result)
    {
        _rnn.zero_grad();
        Tensor embedded = Embedded(batch).requires_grad_();
        Tensor rows = batch.RowsOf(Hidden(embedded));
        using var output = BlockwiseOutputLoss.Compute(rows.detach(), _outputWeight, _outputBias, batch.Targets);
        rows.backward([output.HiddenGradient]);

        CopyDense(output.WeightGradient, Layout.OutputWeight, result);
        CopyDense(output.BiasGradient, Layout.OutputBias, result);
        for (int layer = 0; layer < Settings.Layers; layer++)
        {
            CopyDense(_rnn.get_weight_ih(layer)!.grad?.t(), Layout.Wh(layer), result);
            CopyDense(_rnn.get_weight_hh(layer)!.grad?.t(), Layout.Uh(layer), result);
            CopyDense(_rnn.get_bias_ih(layer)!.grad, Layout.Bias(layer), result);
        }

        SumRows(batch, embedded, result);
        return output.LossSum;
    }

    /// <summary>Embedding rows (examples, time, D).</summary>
    private Tensor Embedded(PaddedBatch batch) =>
        _embedding.index_select(0, batch.Inputs.reshape(-1))
            .reshape(batch.Inputs.size(0), batch.Inputs.size(1), Settings.Dimension);

    private Tensor Hidden(Tensor embedded) => _rnn.call(embedded, null).Item1;

    private static Tensor Empty(ParameterSegment segment, Device device) =>
        empty([.. segment.Shape.Select(extent => (long)extent)], float32, device).DetachFromDisposeScope();
}
