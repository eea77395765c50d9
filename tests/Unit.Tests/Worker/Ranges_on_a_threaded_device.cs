using System.Collections.Concurrent;

namespace RnnLm.Tests;

public sealed class Ranges_on_a_threaded_device : IDisposable
{
    private static readonly ModelSettings Model = new(VocabularySize: 29, Dimension: 16, Layers: 2, PaddingId: -1);
    private static readonly ParameterLayout Layout = ParameterLayout.For(Model);
    private readonly GradientPool _gradients = new(Layout);
    private readonly BlockingCollection<Message> _answers = [];

    public void Dispose() => _answers.Dispose();

    /// <summary>
    /// A sum over concatenated shards has other bits, as the last assertion shows: a device that concatenates turns
    /// this red.
    /// </summary>
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
    public void A_computer_that_cannot_be_made_fails_the_worker_with_its_cause()
    {
        using var missing = Device(1, () => throw new InvalidOperationException("no library"));
        missing.Submit(new RunSelfTest(), _answers.Add);
        Assert.Equal("no library", Lost().Message);
        Submit(missing, new ShardRange(0, 1), [Shard(0)]);
        Assert.Equal("no library", Lost().Message);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_range_that_cannot_be_computed_is_said_once_and_gives_every_buffer_back(int threads)
    {
        using var device = Device(threads, () => new FusedReplica(Model));
        var shards = Enumerable.Range(0, 8).Select(Shard).ToArray();
        shards[2] = shards[5] = Poison;
        var version = Parameters();
        device.Submit(new ComputeRange(4, version, new ShardRange(8, 8), 3, shards), _answers.Add);
        var failed = Assert.IsType<RangeNotComputed>(_answers.Take());
        Assert.Equal(
            (4L, 0L, new ShardRange(8, 8), 3), (failed.Incarnation, failed.Step, failed.Range, failed.Attempt));
        Assert.Contains($"token id {Model.VocabularySize}", failed.Cause, StringComparison.Ordinal);

        // The device goes on, and what it computes next is not the rest of what failed.
        Submit(device, new ShardRange(0, 8), [.. Enumerable.Range(0, 8).Select(Shard)]);
        Assert.IsType<RangeComputed>(_answers.Take()).Gradient.Release();
        device.Dispose();
        Assert.Empty(_answers);
        Assert.Equal(0, _gradients.Outstanding);
        Assert.Throws<ObjectDisposedException>(() => version.Values);
    }

    [Fact]
    public void A_piece_that_cannot_be_evaluated_is_an_answer_and_gives_its_version_back()
    {
        using var device = Device(1, () => new FusedReplica(Model));
        var version = Parameters();
        var request = new Evaluate(1, 0, 7, 1, Poison);
        device.Submit(new ComputeLoss(request, version), _answers.Add);
        Assert.Same(request, Assert.IsType<PieceNotEvaluated>(_answers.Take()).Request);
        device.Dispose();
        Assert.Throws<ObjectDisposedException>(() => version.Values);
    }

    /// <summary>Neither a range nor a piece is to blame for memory that others use.</summary>
    [Theory]
    [InlineData("CUDA out of memory. Tried to allocate 2 GiB")]
    [InlineData("CUDA error: device-side assert triggered")]
    [InlineData("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")]
    public void Memory_that_is_used_up_fails_the_worker(string message)
    {
        using var device = Device(1, () => new ThrowingReplica(new InvalidOperationException(message)));
        Submit(device, new ShardRange(0, 1), [Shard(0)]);
        Assert.Equal(message, Lost().Message);
        device.Submit(new ComputeLoss(new Evaluate(1, 0, 7, 1, Shard(0)), Parameters()), _answers.Add);
        Assert.IsType<InvalidOperationException>(Lost());
    }

    /// <summary>A thread that hangs does not pile up the work of versions that were committed without it.</summary>
    [Fact]
    public void Work_on_a_newer_version_takes_the_place_of_what_waits_for_an_older()
    {
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        using var device = Device(1, () => new HangingReplica(begun, goOn));
        ParameterVersion[] versions = [.. Enumerable.Range(0, 4).Select(Version)];
        foreach (var version in versions)
        {
            device.Submit(
                new ComputeRange(1, version, new ShardRange(0, 2), 1, [Shard(0), Shard(1)]), _answers.Add);
            begun.Wait();
        }

        // Version 0 is under way, 1 and 2 were dropped, 3 waits.
        Assert.All(versions[1..3], version => Assert.Throws<ObjectDisposedException>(() => version.Values));
        Assert.Equal(3, versions[3].Version);
        goOn.Set();
        Assert.Equal(3, Assert.IsType<RangeComputed>(_answers.Take()).Step);
        Assert.Equal(1, _gradients.Outstanding);
    }

    [Fact]
    public void One_worker_takes_all_shards_that_a_step_can_have()
    {
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim(initialState: true);
        using var device = Device(1, () => new HangingReplica(begun, goOn));
        var shards = Enumerable.Repeat(Shard(0), PlanSettings.MostShards);
        Submit(device, new ShardRange(0, PlanSettings.MostShards), [.. shards]);
        Assert.IsType<RangeComputed>(_answers.Take());
    }

    [Fact]
    public void More_work_than_a_device_takes_is_an_error_with_a_name()
    {
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        using var device = Device(1, () => new HangingReplica(begun, goOn));
        for (int asked = 0; _answers.Count == 0; asked++)
        {
            Assert.True(asked < 100_000);
            device.Submit(new RunSelfTest(), _answers.Add);
        }

        goOn.Set();
        Assert.IsType<WorkOverflowException>(Lost());
    }

    private static ShardTokens Poison { get; } = new([0, Model.VocabularySize], [0, 2]);

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

    private static ParameterVersion Parameters() => Version(0);

    private static ParameterVersion Version(int number)
    {
        var pool = new FloatBufferPool(Layout.Length);
        var values = pool.Rent();
        ParameterInitialization.Fill(Model, seed: 1, values.Span);
        return new ParameterVersion(number, new CountedBuffer(values, pool));
    }

    private ThreadedDevice Device(int threads, Func<IReplica> computers) =>
        new("test", threads, computers, _gradients, new SelfTest(Model));

    private Exception Lost() => Assert.IsType<DeviceLost>(_answers.Take()).Cause;

    private void Submit(ThreadedDevice device, ShardRange range, ShardTokens[] shards) =>
        device.Submit(new ComputeRange(1, Parameters(), range, 1, shards), _answers.Add);

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

    private sealed class ThrowingReplica(Exception failure) : IReplica
    {
        public void ComputeGradient(ParameterVersion parameters, ShardTokens tokens, Gradient result) => throw failure;

        public double ComputeLoss(ParameterVersion parameters, ShardTokens tokens) => throw failure;

        public (double LossSum, float[] State) ComputeLoss(
            ParameterVersion parameters, ShardTokens text, float[] state) => throw failure;

        public void Dispose()
        {
        }
    }

    /// <summary>Computes nothing, and nothing before it is told to go on.</summary>
    private sealed class HangingReplica(ManualResetEventSlim begun, ManualResetEventSlim goOn) : IReplica
    {
        public void ComputeGradient(ParameterVersion parameters, ShardTokens tokens, Gradient result)
        {
            begun.Set();
            goOn.Wait();
        }

        public double ComputeLoss(ParameterVersion parameters, ShardTokens tokens) => 0;

        public (double LossSum, float[] State) ComputeLoss(
            ParameterVersion parameters, ShardTokens text, float[] state) => (0, state);

        public void Dispose()
        {
        }
    }
}
