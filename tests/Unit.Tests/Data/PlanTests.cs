using FsCheck.Fluent;

namespace RnnLm.Tests;

public sealed class PlanTests : IDisposable
{
    private readonly TestCorpus _corpus = new();
    private readonly Dictionary<int, TokenFile> _sentences = [];

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void Each_example_comes_exactly_once_an_epoch() =>
        Property.Holds(
            from examples in Gen.Choose(1, 90)
            from batch in Gen.Choose(1, 40)
            from shardBits in Gen.Choose(0, 5)
            from seed in Gen.Choose(0, 1000)
            select (examples, batch, shards: 1 << shardBits, seed),
            values =>
            {
                Plan plan = Make(values.examples, values.batch, values.shards, values.seed);
                Assert.Equal((values.examples + values.batch - 1) / values.batch, plan.StepsPerEpoch);
                for (long epoch = 0; epoch < 2; epoch++)
                {
                    List<int> firstIds = [];
                    for (long step = epoch * plan.StepsPerEpoch; step < (epoch + 1) * plan.StepsPerEpoch; step++)
                    {
                        Assert.Equal(epoch, plan.EpochOf(step));
                        firstIds.AddRange(Examples(plan.Step(step)).Select(example => example[0]));
                    }

                    Assert.Equal(values.examples, firstIds.Count);
                    Assert.Equal(values.examples, firstIds.Distinct().Count());
                }
            },
            cases: 100);

    [Fact]
    public void Any_step_can_be_asked_for_at_any_time()
    {
        Plan plan = Make(examples: 90, batch: 7, shards: 4, seed: 5);
        ulong[][] forward = [.. Enumerable.Range(0, 40).Select(step => Hashes(plan, step))];
        Plan again = Make(examples: 90, batch: 7, shards: 4, seed: 5);
        for (int step = 39; step >= 0; step -= 3)
        {
            Assert.Equal(forward[step], Hashes(again, step));
        }

        Assert.Equal(90, plan.ExamplesPerEpoch);
        plan.Step(1L << 40);
    }

    [Fact]
    public void A_shard_is_a_slice_of_the_batch_and_sizes_differ_by_one_at_most()
    {
        Plan whole = Make(examples: 50, batch: 22, shards: 1, seed: 1);
        Plan sliced = Make(examples: 50, batch: 22, shards: 8, seed: 1);
        foreach (int step in (int[])[0, 1, 2])
        {
            IReadOnlyList<ShardTokens> shards = sliced.Step(step);
            Assert.Equal(Examples(whole.Step(step)), Examples(shards));
            int examples = sliced.BatchSizeOf(step);
            Assert.Equal(
                Enumerable.Range(0, 8).Select(shard => ((shard + 1) * examples / 8) - (shard * examples / 8)),
                shards.Select(shard => shard.ExampleCount));
        }

        // An epoch of 50 in batches of 22 ends with 6 examples: two of eight shards are empty.
        Assert.Equal(6, sliced.BatchSizeOf(2));
        Assert.Equal(2, sliced.Step(2).Count(shard => shard.ExampleCount == 0));
        Assert.Equal(22, sliced.BatchSizeOf(3));
    }

    [Fact]
    public void Epochs_and_seeds_have_orders_of_their_own()
    {
        static string Order(Plan plan, int epoch) => string.Join(',', plan.Indices(epoch));
        Plan plan = Make(examples: 60, batch: 60, shards: 1, seed: 1);
        Assert.Equal(60, plan.Indices(0).Distinct().Count());
        Plan other = Make(examples: 60, batch: 60, shards: 1, seed: 2);
        string[] orders = [Order(plan, 0), Order(plan, 1), Order(plan, 2), Order(other, 0)];
        Assert.Equal(4, orders.Distinct().Count());
    }

    [Theory]
    [InlineData(3)]
    [InlineData(0)]
    [InlineData(-4)]
    [InlineData(12)]
    public void Shards_must_be_a_power_of_two(int shards) =>
        Errors.Expect(
            ExitCode.Usage,
            () => Make(examples: 10, batch: 4, shards, seed: 1),
            $"--shards {shards}:", "power of two");

    [Fact]
    public void A_batch_needs_an_example() =>
        Errors.Expect(ExitCode.Usage, () => Make(examples: 10, batch: 0, shards: 1, seed: 1), "--batch 0");

    private static List<int[]> Examples(IReadOnlyList<ShardTokens> shards)
    {
        var examples = new List<int[]>();
        foreach (ShardTokens shard in shards)
        {
            for (int i = 0; i < shard.ExampleCount; i++)
            {
                examples.Add(shard.Example(i).ToArray());
            }
        }

        return examples;
    }

    private static ulong[] Hashes(Plan plan, long step) => [.. plan.Step(step).Select(shard => shard.Hash())];

    private Plan Make(int examples, int batch, int shards, long seed)
    {
        if (!_sentences.TryGetValue(examples, out TokenFile? tokens))
        {
            tokens = _sentences[examples] = _corpus.DistinctSentences(examples);
        }

        var settings = new PlanSettings(ExampleMode.Sentences, Context: 30, batch, shards, HeldOutPerMille: 0, seed);
        return new Plan(CorpusExamples.ForTraining(tokens, settings).Training, settings);
    }
}
