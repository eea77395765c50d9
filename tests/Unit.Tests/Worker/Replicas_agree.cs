namespace RnnLm.Tests;

/// <summary>
/// The fast paths against the plain one, module and autograd: programs that share no arithmetic but the sum of
/// embedding rows. The GPU's path computes on the CPU here, by libtorch's own layers in cuDNN's place.
/// </summary>
public sealed class Replicas_agree
{
    private static readonly ModelSettings Model = new(VocabularySize: 37, Dimension: 20, Layers: 3, PaddingId: 5);
    private static readonly ShardTokens Shard =
        new([1, 2, 3, 4, 6, 7, 2, 36, 0, 0, 9, 5, 11, 12, 13, 14], [0, 6, 8, 16]) { FirstExample = 1 };

    /// <summary>Equally long, as those must be whose state is carried.</summary>
    private static readonly ShardTokens Even = new([1, 2, 3, 4, 6, 2, 36, 0, 9, 11], [0, 5, 10]) { FirstExample = 1 };

    [Theory]
    [InlineData("fused", "elman", "rnn", "rnn-relu", "lstm", "gru", "mingru", "minlstm")]
    [InlineData("cuda", "elman", "rnn", "rnn-relu", "lstm", "gru")]
    public void In_loss_and_gradients(string path, params string[] cells)
    {
        ModelSettings[] models =
        [
            Model, Model with { Embedding = 12 }, Model with { Tied = true },
            Model with { Dropout = 0.4, DropoutSeed = 9 },
            Model with { CarriedRows = 4, Dropout = 0.2 }, Model with { CarriedRows = 3, Embedding = 33, Layers = 1 },

            // Rows of gates with gaps between them.
            Model with { CarriedRows = 4, Dimension = 512, Layers = 1 }, Model with { Dimension = 512, Layers = 1 },
        ];
        foreach (var model in models.SelectMany(model => cells.Select(cell => model with { Cell = cell })))
        {
            var shard = model.CarriedRows > 0 ? Even : Shard;
            using var plain = Make("plain", model);
            using var fast = Make(path, model);
            var layout = ParameterLayout.For(model);
            using var expected = new Gradient(layout);
            using var actual = new Gradient(layout);
            var parameters = Parameters(model);
            plain.ComputeGradient(parameters, shard, expected);
            fast.ComputeGradient(parameters, shard, actual);

            Assert.Equal(expected.LossSum, actual.LossSum, 1e-4);
            Assert.Equal(shard.TargetCount, actual.TokenCount);
            Assert.Equal(expected.TokenCount, actual.TokenCount);
            AssertClose(expected.Dense.Span, actual.Dense.Span);
            Assert.Equal(expected.RowIds.Take(expected.RowCount), actual.RowIds.Take(actual.RowCount));
            Assert.DoesNotContain(model.PaddingId, actual.RowIds.Take(actual.RowCount));
            int rowFloats = actual.RowCount * model.EmbeddingWidth;
            AssertClose(expected.Rows.Span[..rowFloats], actual.Rows.Span[..rowFloats]);
            double loss = plain.ComputeLoss(parameters, shard);
            Assert.Equal(loss, fast.ComputeLoss(parameters, shard), 1e-4);
            if (model is { Dropout: 0, CarriedRows: 0 })
            {
                Assert.Equal(expected.LossSum, loss, 1e-4);
            }
        }
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("fused")]
    [InlineData("cuda")]
    public void That_an_empty_shard_is_the_identity(string path)
    {
        using var replica = Make(path);
        using var gradient = new Gradient(ParameterLayout.For(Model)) { TokenCount = 7, LossSum = 1 };
        replica.ComputeGradient(Parameters(), ShardTokens.Empty, gradient);
        Assert.True(gradient.IsIdentity);
        Assert.Equal(0, replica.ComputeLoss(Parameters(), ShardTokens.Empty));
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("cuda")]
    public void That_a_shard_has_the_same_bits_again_and_leaves_no_tensor_behind(string path)
    {
        using var replica = Make(path);
        var test = new SelfTest(Model);
        string hash = test.Run(replica);
        long before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        Assert.Equal(hash, test.Run(replica));
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("cuda")]
    public void That_another_version_0_replaces_the_self_tests_parameters(string path)
    {
        using var fresh = Make(path);
        using var tested = Make(path);
        new SelfTest(Model).Run(tested);
        Assert.Equal(fresh.ComputeLoss(Parameters(), Shard), tested.ComputeLoss(Parameters(), Shard));
    }

    private static IReplica Make(string path, ModelSettings? model = null) => path switch
    {
        "fused" => new FusedReplica(model ?? Model),
        "cuda" => new CudaReplica(model ?? Model, "cpu"),
        _ => new PlainReplica(model ?? Model, "cpu"),
    };

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(
                MathF.Abs(expected[i] - actual[i]) <= 2e-5f * (1 + MathF.Abs(expected[i])),
                $"element {i}: {expected[i]} and {actual[i]}");
        }
    }

    private static ParameterVersion Parameters(ModelSettings? model = null)
    {
        model ??= Model;
        var layout = ParameterLayout.For(model);
        var pool = new FloatBufferPool(layout.BufferLength);
        var values = pool.Rent();
        ParameterInitialization.Fill(model, seed: 3, values.Span);

        // Positive, as those of some cells are, and none but a step's may be read.
        using var states = Numbers.Uniform(layout.BufferLength - layout.Length, 0.4, 7);
        for (int i = 0; i < states.Length; i++)
        {
            values.Span[layout.Length + i] = 0.5f + states.Span[i];
        }

        return new ParameterVersion(11, new CountedBuffer(values, pool));
    }
}
