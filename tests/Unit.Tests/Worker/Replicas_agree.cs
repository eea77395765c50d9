namespace RnnLm.Tests;

/// <summary>
/// The fast paths against the plain one, module and autograd: programs that share no arithmetic but the sum of
/// embedding rows. The GPU's path computes on the CPU here, by libtorch's RNN in cuDNN's place.
/// </summary>
public sealed class Replicas_agree
{
    private static readonly ModelSettings Model = new(VocabularySize: 37, Dimension: 20, Layers: 3, PaddingId: 5);
    private static readonly ShardTokens Shard =
        new([1, 2, 3, 4, 6, 7, 2, 36, 0, 0, 9, 5, 11, 12, 13, 14], [0, 6, 8, 16]);

    [Theory]
    [InlineData("fused")]
    [InlineData("cuda")]
    public void In_loss_and_gradients(string path)
    {
        using var plain = Make("plain");
        using var fast = Make(path);
        var layout = ParameterLayout.For(Model);
        using var expected = new Gradient(layout);
        using var actual = new Gradient(layout);
        var parameters = Parameters();
        plain.ComputeGradient(parameters, Shard, expected);
        fast.ComputeGradient(parameters, Shard, actual);

        Assert.Equal(expected.LossSum, actual.LossSum, 1e-4);
        Assert.Equal(13, actual.TokenCount);
        Assert.Equal(expected.TokenCount, actual.TokenCount);
        AssertClose(expected.Dense.Span, actual.Dense.Span);
        Assert.Equal(expected.RowIds.Take(expected.RowCount), actual.RowIds.Take(actual.RowCount));
        Assert.DoesNotContain(Model.PaddingId, actual.RowIds.Take(actual.RowCount));
        int rowFloats = actual.RowCount * Model.Dimension;
        AssertClose(expected.Rows.Span[..rowFloats], actual.Rows.Span[..rowFloats]);

        Assert.Equal(expected.LossSum, plain.ComputeLoss(parameters, Shard), 1e-4);
        Assert.Equal(expected.LossSum, fast.ComputeLoss(parameters, Shard), 1e-4);
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

    private static IReplica Make(string path) => path switch
    {
        "fused" => new FusedReplica(Model),
        "cuda" => new CudaReplica(Model, "cpu"),
        _ => new PlainReplica(Model, "cpu"),
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

    private static ParameterVersion Parameters()
    {
        var pool = new FloatBufferPool(ParameterLayout.For(Model).Length);
        var values = pool.Rent();
        ParameterInitialization.Fill(Model, seed: 3, values.Span);
        return new ParameterVersion(0, new CountedBuffer(values, pool));
    }
}
