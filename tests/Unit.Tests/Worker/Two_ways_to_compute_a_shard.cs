namespace RnnLm.Tests;

/// <summary>The product's kernels against libtorch's autograd: two programs that share no code below the tokens.</summary>
public sealed class Two_ways_to_compute_a_shard
{
    private static readonly ModelSettings Model = new(VocabularySize: 37, Dimension: 20, Layers: 3, PaddingId: 5);
    private static readonly ShardTokens Shard = new([1, 2, 3, 4, 6, 7, 2, 36, 0, 0, 9, 5, 11, 12, 13, 14], [0, 6, 8, 16]);

    [Fact]
    public void Losses_and_gradients_agree()
    {
        using var kernels = new FusedReplica(Model);
        using var torch = new TorchShardComputer(Model, "cpu");
        var layout = ParameterLayout.For(Model);
        using var ours = new Gradient(layout);
        using var theirs = new Gradient(layout);
        var parameters = Parameters();
        kernels.ComputeGradient(parameters, Shard, ours);
        torch.ComputeGradient(parameters, Shard, theirs);

        Assert.Equal(theirs.LossSum, ours.LossSum, 1e-4);
        Assert.Equal(13, ours.TokenCount);
        Assert.Equal(ours.TokenCount, theirs.TokenCount);
        AssertClose(theirs.Dense.Span, ours.Dense.Span);
        Assert.Equal(theirs.RowIds.Take(theirs.RowCount), ours.RowIds.Take(ours.RowCount));
        Assert.DoesNotContain(Model.PaddingId, ours.RowIds.Take(ours.RowCount));
        int rowFloats = ours.RowCount * Model.Dimension;
        AssertClose(theirs.Rows.Span[..rowFloats], ours.Rows.Span[..rowFloats]);

        Assert.Equal(theirs.LossSum, torch.ComputeLoss(parameters, Shard), 1e-4);
        Assert.Equal(ours.LossSum, kernels.ComputeLoss(parameters, Shard), 1e-4);
    }

    [Fact]
    public void An_empty_shard_is_the_identity_in_both()
    {
        using var kernels = new FusedReplica(Model);
        using var torch = new TorchShardComputer(Model, "cpu");
        using var gradient = new Gradient(ParameterLayout.For(Model)) { TokenCount = 7, LossSum = 1 };
        foreach (IShardComputer computer in new IShardComputer[] { kernels, torch })
        {
            gradient.TokenCount = 7;
            computer.ComputeGradient(Parameters(), ShardTokens.Empty, gradient);
            Assert.True(gradient.IsIdentity);
            Assert.Equal(0, computer.ComputeLoss(Parameters(), ShardTokens.Empty));
        }
    }

    [Fact]
    public void A_replica_in_libtorch_gives_the_same_bits_for_a_shard_again()
    {
        using var torch = new TorchShardComputer(Model, "cpu");
        var test = new SelfTest(Model);
        Assert.Equal(test.Run(torch), test.Run(torch));
    }

    [Fact]
    public void Another_version_0_replaces_the_self_tests_parameters()
    {
        using var fresh = new TorchShardComputer(Model, "cpu");
        using var tested = new TorchShardComputer(Model, "cpu");
        new SelfTest(Model).Run(tested);
        Assert.Equal(fresh.ComputeLoss(Parameters(), Shard), tested.ComputeLoss(Parameters(), Shard));
    }

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(MathF.Abs(expected[i] - actual[i]) <= 2e-5f * (1 + MathF.Abs(expected[i])), $"element {i}: {expected[i]} and {actual[i]}");
        }
    }

    private static ParameterVersion Parameters()
    {
        var pool = new FloatBufferPool(ParameterLayout.For(Model).Length);
        var values = pool.Rent();
        ParameterInitialisation.Fill(Model, seed: 3, values.Span);
        return new ParameterVersion(0, new CountedBuffer(values, pool));
    }
}
