namespace RnnLm.Tests;

public sealed class Same_bits_for_any_workers_and_order
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(11)]
    public void The_number_of_workers_changes_no_bit(int workers)
    {
        byte[] one = TrainWith(1, seed: 0);
        Assert.Equal(one, TrainWith(workers, seed: 0));
    }

    [Fact]
    public void The_order_of_arrival_changes_no_bit()
    {
        byte[] inOrder = TrainWith(5, seed: 0);
        for (int seed = 1; seed <= 30; seed++)
        {
            Assert.Equal(inOrder, TrainWith(5, seed));
        }
    }

    /// <summary>
    /// Shows that the numbers of this test can tell: the same shards added one after the other give another sum.
    /// </summary>
    [Fact]
    public void A_sum_in_the_order_of_arrival_would_give_other_bits()
    {
        var harness = new CoordinatorHarness();
        float tree = TreeSum(harness, new ShardRange(0, CoordinatorHarness.Shards));
        var sequences = Enumerable.Range(0, 20).Select(seed =>
        {
            int[] order = [.. Enumerable.Range(0, CoordinatorHarness.Shards)];
            new Random(seed).Shuffle(order);
            return order.Aggregate(0f, (sum, shard) => sum + harness.ShardGradient(0, shard).Dense.Span[0]);
        });
        Assert.Contains(sequences, sum => sum != tree);
    }

    private static float TreeSum(CoordinatorHarness harness, ShardRange range) => range.Length == 1
        ? harness.ShardGradient(0, range.Start).Dense.Span[0]
        : TreeSum(harness, range.Left) + TreeSum(harness, range.Right);

    private static byte[] TrainWith(int workers, int seed)
    {
        var random = new Random(seed);
        var harness = new CoordinatorHarness(totalSteps: 3);
        harness.Start();
        int[] all = [.. Enumerable.Range(0, workers)];
        foreach (int worker in all)
        {
            harness.Join(worker);
        }

        for (long step = 0; step < 3; step++)
        {
            harness.AnswerAll(
                step,
                ranges =>
                {
                    var shuffled = ranges.ToArray();
                    random.Shuffle(shuffled);
                    return shuffled;
                },
                all);
        }

        return harness.ParametersSentTo(0, 3);
    }
}
