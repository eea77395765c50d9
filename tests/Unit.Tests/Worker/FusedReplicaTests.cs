namespace RnnLm.Tests;

public class FusedReplicaTests
{
    private static readonly ModelSettings Model = new(VocabularySize: 700, Dimension: 24, Layers: 2, PaddingId: 3);

    [Theory]
    [InlineData("language-model-padded.txt")]
    [InlineData("language-model-deep.txt")]
    [InlineData("language-model-single.txt")]
    public void Loss_and_gradient_are_those_of_PyTorch_with_an_explicit_time_loop(string file)
    {
        var fixture = new Fixture(file);
        int[] settings = fixture.Integers("settings");
        using var model = new FusedReplica(new ModelSettings(settings[0], settings[1], settings[2], settings[3]));
        var shard = new ShardTokens(fixture.Integers("ids"), fixture.Integers("starts"));
        using var parameters = Numbers.Garbage(model.Layout.Length);
        fixture.Floats("parameters").CopyTo(parameters.Span);
        using var gradient = new Gradient(model.Layout);

        model.Compute(parameters, shard, gradient);

        double expected = fixture.Doubles("loss")[0];
        Assert.Equal(expected, gradient.LossSum, 1e-6 * expected);
        Assert.Equal(shard.TargetCount, gradient.TokenCount);
        Numbers.AssertClose(fixture.Doubles("gradient"), gradient.ToFlat(), 2e-6);
        Assert.DoesNotContain(settings[3], gradient.RowIds[..gradient.RowCount]);
    }

    [Fact]
    public void The_gradient_agrees_with_finite_differences()
    {
        var settings = new ModelSettings(VocabularySize: 5, Dimension: 4, Layers: 2, PaddingId: -1);
        using var model = new FusedReplica(settings);
        var reference = new ReferenceLanguageModel(settings);
        ShardTokens shard = Shard(5, 3, 6, 2);
        using var parameters = Numbers.Uniform(model.Layout.Length, 0.7, 5);
        using var gradient = new Gradient(model.Layout);

        model.Compute(parameters, shard, gradient);

        double[] values = parameters.ToDouble();
        Assert.Equal(reference.Loss(values, shard), gradient.LossSum, 1e-5);
        Numbers.AssertClose(reference.Slopes(values, shard), gradient.ToFlat(), 1e-5);
    }

    [Fact]
    public void The_loss_alone_has_the_bits_of_the_loss_with_gradient()
    {
        using var model = new FusedReplica(Model);
        using var parameters = Numbers.Uniform(model.Layout.Length, 0.3, 6);
        using var gradient = new Gradient(model.Layout);
        foreach (ShardTokens shard in new[] { Shard(700, 2, 9, 30), Shard(700, 60, 12) })
        {
            model.Compute(parameters, shard, gradient);

            Assert.Equal(gradient.LossSum, model.Loss(parameters, shard));
        }
    }

    [Fact]
    public void What_a_replica_and_a_gradient_held_before_never_shows()
    {
        using var model = new FusedReplica(Model);
        using var parameters = Numbers.Uniform(model.Layout.Length, 0.3, 7);
        using var notNumbers = Numbers.Garbage(model.Layout.Length);
        ShardTokens small = Shard(700, 2, 9, 30, 3);
        ShardTokens large = Shard(700, 60, 12);
        using var fresh = new FusedReplica(Model);
        using var expected = new Gradient(model.Layout);
        fresh.Compute(parameters, small, expected);

        using var actual = new Gradient(model.Layout);
        model.Compute(notNumbers, large, actual);
        Assert.True(double.IsNaN(actual.LossSum));
        model.Compute(parameters, small, actual);
        Gradients.AssertSame(expected, actual);

        model.Compute(parameters, large, actual);
        model.Compute(parameters, small, actual);
        Gradients.AssertSame(expected, actual);
    }

    [Fact]
    public void Threads_side_by_side_compute_the_bits_of_one_alone()
    {
        using var model = new FusedReplica(Model);
        using var parameters = Numbers.Uniform(model.Layout.Length, 0.3, 8);
        ShardTokens[] shards = [.. Enumerable.Range(0, 6).Select(i => Shard(700, 4 + i, 17, 8, 8))];
        Gradient[] alone = Compute(parameters, shards, threadCount: 1);
        Gradient[] together = Compute(parameters, shards, threadCount: 3);
        for (int i = 0; i < shards.Length; i++)
        {
            Gradients.AssertSame(alone[i], together[i]);
            alone[i].Dispose();
            together[i].Dispose();
        }
    }

    [Fact]
    public void An_empty_shard_gives_the_identity()
    {
        using var model = new FusedReplica(Model);
        using var parameters = Numbers.Uniform(model.Layout.Length, 0.3, 9);
        using var gradient = new Gradient(model.Layout);
        model.Compute(parameters, Shard(700, 5), gradient);
        Assert.False(gradient.IsIdentity);

        model.Compute(parameters, ShardTokens.Empty, gradient);

        Assert.True(gradient.IsIdentity);
        Assert.Equal(0, gradient.RowCount);
        Assert.Equal(0.0, gradient.LossSum);
        Assert.Equal(0.0, model.Loss(parameters, ShardTokens.Empty));
    }

    [Fact]
    public void Buffers_and_tokens_of_another_model_are_refused()
    {
        using var model = new FusedReplica(Model);
        using var other = new FusedReplica(Model with { Dimension = 25 });
        using var parameters = Numbers.Uniform(model.Layout.Length, 0.3, 9);
        using var gradient = new Gradient(model.Layout);
        using var otherParameters = Numbers.Garbage(other.Layout.Length);
        using var otherGradient = new Gradient(other.Layout);

        Assert.Throws<ArgumentException>(() => model.Compute(otherParameters, Shard(700, 5), gradient));
        Assert.Throws<ArgumentException>(() => model.Compute(parameters, Shard(700, 5), otherGradient));
        Assert.Throws<ArgumentException>(() => model.Compute(parameters, new ShardTokens([1, 700], [0, 2]), gradient));
    }

    private static Gradient[] Compute(FloatBuffer parameters, ShardTokens[] shards, int threadCount)
    {
        Gradient[] results = [.. shards.Select(_ => new Gradient(ParameterLayout.For(Model)))];
        Thread[] threads = [.. Enumerable.Range(0, threadCount).Select(first => new Thread(() =>
        {
            using var model = new FusedReplica(Model);
            for (int i = first; i < shards.Length; i += threadCount)
            {
                model.Compute(parameters, shards[i], results[i]);
            }
        }))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        return results;
    }

    private static ShardTokens Shard(int vocabularySize, params int[] lengths) => new(
        Numbers.Ids(lengths.Sum(), vocabularySize, (ulong)lengths.Sum()),
        [.. Enumerable.Range(0, lengths.Length + 1).Select(i => lengths[..i].Sum())]);
}
