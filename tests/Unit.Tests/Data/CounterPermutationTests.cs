namespace RnnLm.Tests;

public class CounterPermutationTests
{
    [Fact]
    public void Every_value_stands_at_exactly_one_position()
    {
        for (long count = 1; count <= 300; count++)
        {
            var order = new CounterPermutation(seed: count * 31, RandomPurpose.EpochShuffle, index: 2, count);
            var values = new SortedSet<long>();
            for (long position = 0; position < count; position++)
            {
                values.Add(order[position]);
                Assert.Equal(position, order.PositionOf(order[position]));
            }

            Assert.Equal(count, values.Count);
            Assert.Equal(0, values.Min);
            Assert.Equal(count - 1, values.Max);
        }
    }

    [Theory]
    [InlineData(1L << 20)]
    [InlineData(22_034_911)]
    [InlineData((1L << 61) + 12345)]
    public void Positions_of_large_counts_are_found_back(long count)
    {
        var order = new CounterPermutation(seed: -5, RandomPurpose.EpochShuffle, index: ulong.MaxValue, count);
        for (long i = 0; i < 500; i++)
        {
            long position = count / 500 * i;
            long value = order[position];
            Assert.InRange(value, 0, count - 1);
            Assert.Equal(position, order.PositionOf(value));
        }
    }

    [Fact]
    public void All_orders_of_four_are_about_equally_frequent()
    {
        const int draws = 24_000;
        var counts = new Dictionary<string, int>();
        for (ulong index = 0; index < draws; index++)
        {
            var order = new CounterPermutation(seed: 11, RandomPurpose.EpochShuffle, index, 4);
            string key = $"{order[0]}{order[1]}{order[2]}{order[3]}";
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }

        // 24 orders, 1,000 expected each, standard deviation 31.
        Assert.Equal(24, counts.Count);
        Assert.All(counts.Values, count => Assert.InRange(count, 850, 1150));
    }

    [Fact]
    public void Neighbours_are_scattered_evenly()
    {
        // Mean distance of two independent positions of n is n/3.
        var order = new CounterPermutation(seed: 3, RandomPurpose.EpochShuffle, index: 0, 100_000);
        double distance = Enumerable.Range(0, 20_000).Average(i => Math.Abs(order[i + 1] - order[i]));
        Assert.InRange(distance, 32_000, 34_700);
    }

    [Fact]
    public void Seed_purpose_and_index_each_change_the_order()
    {
        static long[] Order(long seed, RandomPurpose purpose, ulong index)
        {
            var order = new CounterPermutation(seed, purpose, index, 1000);
            return [.. Enumerable.Range(0, 1000).Select(i => order[i])];
        }

        long[][] orders =
        [
            Order(1, RandomPurpose.EpochShuffle, 0),
            Order(2, RandomPurpose.EpochShuffle, 0),
            Order(1, RandomPurpose.HeldOutSplit, 0),
            Order(1, RandomPurpose.EpochShuffle, 1),
        ];
        Assert.Equal(orders.Length, orders.Select(order => string.Join(',', order)).Distinct().Count());
        Assert.Equal(orders[0], Order(1, RandomPurpose.EpochShuffle, 0));
    }
}
