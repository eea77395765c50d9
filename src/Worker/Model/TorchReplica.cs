using System.Runtime.InteropServices;

namespace RnnLm.Worker;

/// <summary>
/// A replica in libtorch, on any device. A shard's examples are padded to its longest and masked by length; those whose
/// state is carried are equally long.
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
        var batch = new PaddedBatch(shard, _device);
        Tensor? before = StatesBefore(parameters, shard, batch);
        var drop = DropOf(parameters.Version, shard, batch);
        (result.LossSum, Tensor after) = ComputeGradient(batch, before, drop, result);
        result.TokenCount = shard.TargetCount;
        if (Settings.CarriedRows > 0)
        {
            WriteStates(after, shard, result);
        }
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
        return ComputeLoss(new PaddedBatch(shard, _device), null).Loss;
    }

    /// <inheritdoc/>
    public (double LossSum, float[] State) ComputeLoss(ParameterVersion parameters, ShardTokens text, float[] state)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(state);
        Load(parameters);
        using var scope = NewDisposeScope();
        using var unrecorded = no_grad();
        var (loss, states) = ComputeLoss(
            new PaddedBatch(text, _device), state.Length == 0 ? null : StatesOf(state, text.ExampleCount));
        float[] after = new float[Layout.StateWidth];
        FlatParameters.CopyOut(states.transpose(0, 1), after);
        return (loss, after);
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

    /// <summary>Writes all gradients; returns the loss, and the states after the last step (layers, examples,
    /// S).</summary>
    /// <param name="batch">Tokens.</param>
    /// <param name="states">Before the first step (layers, examples, S); zeros where missing.</param>
    /// <param name="drop">See <see cref="RnnLanguageModel.hidden"/>.</param>
    /// <param name="result">Receives the gradients.</param>
    private protected abstract (double Loss, Tensor States) ComputeGradient(
        PaddedBatch batch, Tensor? states, Func<int, Tensor, Tensor>? drop, Gradient result);

    /// <summary>The loss alone, and the states after the last step; nothing is recorded for autograd.</summary>
    private protected abstract (double Loss, Tensor States) ComputeLoss(PaddedBatch batch, Tensor? states);

    /// <summary>Copies a gradient to where the layout says.</summary>
    private protected void CopyDense(Tensor? gradient, ParameterSegment segment, Gradient result)
    {
        var values = gradient ?? throw new InvalidOperationException($"autograd gave no gradient of {segment.Name}");
        FlatParameters.CopyOut(values, result.Dense.Span.Slice(segment.Offset - Layout.DenseStart, segment.Length));
    }

    /// <summary>
    /// Sums the gradients of embedding rows by token. Row by row and in order: how libtorch's embedding adds them up is
    /// not fixed on a GPU.
    /// </summary>
    /// <param name="batch">Tokens.</param>
    /// <param name="embedded">Embedding rows (examples, time, E) with their gradient.</param>
    /// <param name="result">Receives RowIds, Rows and RowCount, or where the embedding is tied adds to its
    /// gradient.</param>
    private protected unsafe void SumRows(PaddedBatch batch, Tensor embedded, Gradient result)
    {
        using var rows = new FloatBuffer(batch.Ids.Length * Settings.EmbeddingWidth);
        FlatParameters.CopyOut(batch.RowsOf(embedded.grad!), rows.Span);
        var gradients = new Matrix(rows.Address, batch.Ids.Length, Settings.EmbeddingWidth);
        if (Layout.IsTied)
        {
            var embedding = new Matrix(
                result.Dense.Address + Layout.Embedding.Offset, Settings.VocabularySize, Settings.EmbeddingWidth);
            EmbeddingKernel.Add(batch.Ids, gradients, Settings.PaddingId, embedding);
        }
        else
        {
            EmbeddingKernel.Backward(
                batch.Ids, gradients, Settings.PaddingId, new long[batch.Ids.Length], result);
        }
    }

    /// <summary>The states that a shard's examples go on from (layers, examples, S); null where they begin with
    /// zeros.</summary>
    private Tensor? StatesBefore(ParameterVersion parameters, ShardTokens shard, PaddedBatch batch)
    {
        if (Settings.CarriedRows == 0)
        {
            return null;
        }

        int rows = shard.ExampleCount;
        if (shard.FirstExample + rows > Settings.CarriedRows || batch.IsRagged)
        {
            throw new ArgumentException("states are carried for the rows of a batch, equally long", nameof(shard));
        }

        return StatesOf(
            parameters.Values.Span.Slice(Layout.StateOf(shard.FirstExample), rows * Layout.StateWidth).ToArray(), rows);
    }

    /// <summary>States (layers, examples, S) that lie example after example.</summary>
    private Tensor StatesOf(float[] values, int examples) =>
        tensor(values, [examples, Settings.Layers, Layout.StateWidth / Settings.Layers], device: _device)
            .transpose(0, 1).contiguous();

    private void WriteStates(Tensor states, ShardTokens shard, Gradient result)
    {
        var all = result.Dense.Span[(Layout.Length - Layout.DenseStart)..];
        all.Clear();
        int rows = shard.ExampleCount * Layout.StateWidth;
        FlatParameters.CopyOut(states.transpose(0, 1), all.Slice(shard.FirstExample * Layout.StateWidth, rows));
    }

    private Func<int, Tensor, Tensor>? DropOf(long step, ShardTokens shard, PaddedBatch batch)
    {
        var dropout = new Dropout(Settings, step);
        return !dropout.IsActive ? null : (layer, values) =>
        {
            int width = (int)values.size(2);
            float[] factors = new float[shard.ExampleCount * batch.Time * width];
            for (int row = 0; row < shard.ExampleCount * batch.Time; row++)
            {
                (int example, int token) = int.DivRem(row, batch.Time);
                dropout.Fill(layer, shard.FirstExample + example, token, factors.AsSpan(row * width, width));
            }

            return values * tensor(factors, [shard.ExampleCount, batch.Time, width], device: _device);
        };
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
            int[] lengths = [.. Enumerable.Range(0, shard.ExampleCount).Select(i => shard.Example(i).Length)];
            int time = lengths.Max() - 1;
            (Time, IsRagged) = (time, lengths.Min() != lengths.Max());
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

        /// <summary>Inputs of the longest example.</summary>
        public int Time { get; }

        /// <summary>Whether others are shorter.</summary>
        public bool IsRagged { get; }

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

