namespace RnnLm.Tests;

public class PackedBatchTests
{
    // Examples a (2 tokens), b (4), c (3), d (4).
    private static readonly ShardTokens Tokens =
        new([10, 11, 20, 21, 22, 23, 30, 31, 32, 40, 41, 42, 43], [0, 2, 6, 9, 13]);

    [Fact]
    public void Rows_are_packed_time_major_with_the_longest_first_and_ties_in_order()
    {
        var batch = new PackedBatch();

        batch.Pack(Tokens, 50);

        Assert.Equal([4, 3, 2], batch.BatchSizes.ToArray());
        Assert.Equal([20, 40, 30, 10, 21, 41, 31, 22, 42], batch.Inputs.ToArray());
        Assert.Equal([21, 41, 31, 11, 22, 42, 32, 23, 43], batch.Targets.ToArray());
        Assert.Equal(Tokens.TargetCount, batch.RowCount);
        Assert.Equal(3, batch.StepCount);
    }

    [Fact]
    public void Packing_again_leaves_nothing_of_the_shard_before()
    {
        var batch = new PackedBatch();
        batch.Pack(Tokens, 50);

        batch.Pack(new ShardTokens([1, 2, 3], [0, 3]), 50);

        Assert.Equal([1, 1], batch.BatchSizes.ToArray());
        Assert.Equal([1, 2], batch.Inputs.ToArray());
        Assert.Equal([2, 3], batch.Targets.ToArray());
    }

    [Fact]
    public void Many_equal_lengths_keep_their_order()
    {
        var batch = new PackedBatch();
        int[] ids = [.. Enumerable.Range(0, 200)];

        batch.Pack(new ShardTokens(ids, [.. Enumerable.Range(0, 101).Select(i => 2 * i)]), 200);

        Assert.Equal(ids.Where(id => id % 2 == 0), batch.Inputs.ToArray());
    }

    [Fact]
    public void An_empty_shard_has_no_rows()
    {
        var batch = new PackedBatch();
        batch.Pack(Tokens, 50);

        batch.Pack(ShardTokens.Empty, 50);

        Assert.Equal(0, batch.RowCount);
        Assert.Equal(0, batch.StepCount);
    }

    [Theory]
    [InlineData(new[] { 1, 2, 5 }, new[] { 0, 3 }, "token id 5")]
    [InlineData(new[] { 1, -1 }, new[] { 0, 2 }, "token id -1")]
    [InlineData(new[] { 1, 2, 3 }, new[] { 0, 1, 3 }, "fewer than two")]
    [InlineData(new[] { 1, 2, 3, 4 }, new[] { 0, 6, 4 }, "fewer than two")]
    [InlineData(new[] { 1, 2, 3 }, new[] { 0, 2 }, "tile")]
    [InlineData(new[] { 1, 2, 3 }, new[] { 1, 3 }, "tile")]
    public void Tokens_that_could_be_read_out_of_bounds_are_refused(int[] ids, int[] starts, string expected)
    {
        var exception = Assert.Throws<ArgumentException>(() => new PackedBatch().Pack(new ShardTokens(ids, starts), 5));

        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }
}
