using System.Collections.Concurrent;

namespace RnnLm.Tests;

public sealed class Ranges_on_a_threaded_device : IDisposable
{
    private static readonly ModelSettings Model = new(VocabularySize: 29, Dimension: 16, Layers: 2, PaddingId: -1);
    private static readonly ParameterLayout Layout = ParameterLayout.For(Model);
    private readonly GradientPool _gradients = new(Layout);
    private readonly BlockingCollection<object> _answers = [];

    public void Dispose() => _answers.Dispose();

    /// <summary>A sum over concatenated shards has other bits, as the last assertion shows: a device that concatenates turns this red.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_range_is_the_tree_sum_of_its_single_shards(int threads)
    {
        ShardTokens[] shards = [.. Enumerable.Range(0, 8).Select(Shard)];
        using var device = Device(threads, () => new FusedReplica(Model));
        Submit(device, new ShardRange(8, 8), shards);
        var computed = Assert.IsType<RangeComputed>(_answers.Take());

        using var computer = new FusedReplica(Model);
        var expected = TreeSum(computer, shards);
        Assert.Equal(expected.Dense.Span.ToArray(), computed.Gradient.Dense.Span.ToArray());
        Assert.Equal(expected.LossSum, computed.Gradient.LossSum);
        Assert.Equal(TokenHash.OfRange(shards), computed.TokenHash);

        var together = _gradients.Rent();
        computer.ComputeGradient(Parameters(), Concatenated(shards), together);
        Assert.NotEqual(expected.Dense.Span.ToArray(), together.Dense.Span.ToArray());
    }

    [Fact]
    public void Every_buffer_but_the_result_goes_back_to_the_pool()
    {
        using var device = Device(2, () => new FusedReplica(Model));
        Submit(device, new ShardRange(0, 8), [.. Enumerable.Range(0, 8).Select(Shard)]);
        Assert.IsType<RangeComputed>(_answers.Take());
        Assert.Equal(1, _gradients.Outstanding);
    }

    [Fact]
    public void A_computation_that_throws_and_a_computer_that_cannot_be_made_fail_the_worker_with_their_cause()
    {
        using var missing = Device(1, () => throw new InvalidOperationException("no library"));
        missing.Submit(new RunSelfTest(), _answers.Add, _answers.Add);
        Assert.Equal("no library", Assert.IsType<InvalidOperationException>(_answers.Take()).Message);

        using var device = Device(1, () => new FusedReplica(Model));
        Submit(device, new ShardRange(0, 1), [new ShardTokens([0, Model.VocabularySize], [0, 2])]);
        Assert.IsType<ArgumentException>(_answers.Take(), exactMatch: false);
    }

    private static ShardTokens Shard(int seed)
    {
        var random = new Random(seed);
        int[] ids = [.. Enumerable.Range(0, 5 + seed).Select(_ => random.Next(Model.VocabularySize))];
        return new ShardTokens(ids, [0, ids.Length]);
    }

    private static ShardTokens Concatenated(ShardTokens[] shards)
    {
        var starts = new List<int> { 0 };
        foreach (var shard in shards)
        {
            starts.Add(starts[^1] + shard.Ids.Length);
        }

        return new ShardTokens([.. shards.SelectMany(shard => shard.Ids)], [.. starts]);
    }

    private static ParameterVersion Parameters()
    {
        var pool = new FloatBufferPool(Layout.Length);
        var values = pool.Rent();
        ParameterInitialisation.Fill(Model, seed: 1, values.Span);
        return new ParameterVersion(0, new CountedBuffer(values, pool));
    }

    private ThreadedDevice Device(int threads, Func<IReplica> computers) =>
        new("test", threads, computers, _gradients, new SelfTest(Model));

    private void Submit(ThreadedDevice device, ShardRange range, ShardTokens[] shards) =>
        device.Submit(new ComputeRange(1, Parameters(), range, shards), _answers.Add, _answers.Add);

    private Gradient TreeSum(FusedReplica computer, ReadOnlySpan<ShardTokens> shards)
    {
        if (shards.Length == 1)
        {
            var gradient = _gradients.Rent();
            computer.ComputeGradient(Parameters(), shards[0], gradient);
            return gradient;
        }

        var left = TreeSum(computer, shards[..(shards.Length / 2)]);
        GradientSum.Add(left, TreeSum(computer, shards[(shards.Length / 2)..]));
        return left;
    }
}
