namespace RnnLm.Tests;

public sealed class Aligned_ranges
{
    [Theory]
    [InlineData(1, 2)]
    [InlineData(0, 3)]
    [InlineData(0, 0)]
    [InlineData(-2, 2)]
    public void What_is_not_a_node_of_the_tree_is_refused(int start, int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ShardRange(start, length));

    [Fact]
    public void Every_run_is_tiled_by_ranges_in_order_and_by_no_two_siblings()
    {
        for (int start = 0; start <= 16; start++)
        {
            for (int end = start; end <= 16; end++)
            {
                var ranges = ShardRange.Tile(start, end);
                Assert.Equal(
                    Enumerable.Range(start, end - start),
                    ranges.SelectMany(range => Enumerable.Range(range.Start, range.Length)));
                foreach (var (left, right) in ranges.Zip(ranges.Skip(1)))
                {
                    Assert.NotEqual(left.Sibling, right);
                }
            }
        }
    }

    [Fact]
    public void Family_of_a_range()
    {
        var range = new ShardRange(6, 2);
        Assert.Equal(new ShardRange(4, 4), range.Parent);
        Assert.Equal(new ShardRange(4, 2), range.Sibling);
        Assert.Equal((new ShardRange(6, 1), new ShardRange(7, 1)), (range.Left, range.Right));
        Assert.True(range.Parent.Contains(range));
        Assert.False(range.Contains(range.Parent));
        Assert.False(range.Contains(range.Sibling));
    }
}
