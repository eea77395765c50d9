namespace RnnLm.Tests;

public class OrderedPipelineTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Results_come_in_the_order_of_the_items(int threads)
    {
        var results = new List<int>();
        OrderedPipeline.Run(Enumerable.Range(0, 1000), item => item * 2, results.Add, threads);
        Assert.Equal(Enumerable.Range(0, 1000).Select(item => item * 2), results);
    }

    [Fact]
    public void An_item_that_is_done_early_waits_for_those_before_it()
    {
        // Every even item ends only after its successor has.
        ManualResetEventSlim[] done = [.. Enumerable.Range(0, 40).Select(_ => new ManualResetEventSlim())];
        var results = new List<int>();
        OrderedPipeline.Run(
            Enumerable.Range(0, done.Length),
            item =>
            {
                Assert.True(item % 2 == 1 || done[item + 1].Wait(Deadline));
                done[item].Set();
                return item;
            },
            results.Add,
            threads: 2);
        Assert.Equal(Enumerable.Range(0, done.Length), results);
    }

    [Fact]
    public void The_source_is_read_a_bounded_distance_ahead()
    {
        int read = 0;
        int consumed = 0;
        IEnumerable<int> Source()
        {
            while (read < 200)
            {
                Assert.InRange(read - consumed, 0, 6);
                yield return read++;
            }
        }

        OrderedPipeline.Run(Source(), item => item, _ => consumed++, threads: 3);
        Assert.Equal(200, consumed);
    }

    [Fact]
    public void A_failure_is_thrown_as_it_is_once_nothing_runs_any_more()
    {
        int running = 0;
        InvalidDataException failure = Assert.Throws<InvalidDataException>(() => OrderedPipeline.Run(
            Enumerable.Range(0, 50),
            item =>
            {
                Interlocked.Increment(ref running);
                try
                {
                    return item == 7 ? throw new InvalidDataException("item 7") : item;
                }
                finally
                {
                    Interlocked.Decrement(ref running);
                }
            },
            _ => { },
            threads: 4));
        Assert.Equal("item 7", failure.Message);
        Assert.Equal(0, running);
    }
}
