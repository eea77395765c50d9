namespace RnnLm.Tests;

public sealed class Dividing_shards
{
    [Fact]
    public void Every_shard_has_one_worker_for_any_number_of_workers()
    {
        for (int workers = 1; workers <= 11; workers++)
        {
            var divided = ShardDivision.Divide(0, 8, [.. Enumerable.Repeat(1.0, workers)]);
            Assert.Equal(Enumerable.Range(0, 8), divided.SelectMany(Shards));
        }
    }

    [Fact]
    public void Equal_workers_get_shares_that_differ_by_one_at_most()
    {
        int[] shares = [.. ShardDivision.Divide(0, 16, [1, 1, 1]).Select(ranges => ranges.Sum(range => range.Length))];
        Assert.Equal(16, shares.Sum());
        Assert.True(shares.Max() - shares.Min() <= 1);
    }

    [Fact]
    public void A_worker_three_times_as_fast_gets_three_times_as_many()
    {
        int[] shares = [.. ShardDivision.Divide(0, 16, [3, 1]).Select(ranges => ranges.Sum(range => range.Length))];
        Assert.Equal([12, 4], shares);
    }

    [Fact]
    public void A_part_of_the_step_can_be_divided()
    {
        var divided = ShardDivision.Divide(3, 7, [1, 1]);
        Assert.Equal([3, 4, 5, 6], divided.SelectMany(Shards));
    }

    private static IEnumerable<int> Shards(IEnumerable<ShardRange> ranges) =>
        ranges.SelectMany(range => Enumerable.Range(range.Start, range.Length));
}
