using FsCheck.Fluent;

namespace RnnLm.Tests;

public class HeldOutSplitTests
{
    [Fact]
    public void Every_example_is_either_for_training_or_held_out() =>
        Property.Holds(
            from examples in Gen.Choose(1, 400)
            from block in Gen.Choose(1, 9)
            from perMille in Gen.Choose(0, 999)
            from seed in Gen.Choose(-50, 50)
            select (examples, block, perMille, seed),
            values =>
            {
                var split = new HeldOutSplit(values.examples, values.block, values.perMille, values.seed);
                HashSet<long> training =
                    [.. Enumerable.Range(0, (int)split.TrainingCount).Select(i => split.Training(i))];
                HashSet<long> heldOut = [.. Enumerable.Range(0, (int)split.HeldOutCount).Select(i => split.HeldOut(i))];
                Assert.Equal(values.examples, training.Count + heldOut.Count);
                Assert.NotEmpty(training);
                Assert.All(training, example => Assert.False(split.IsHeldOut(example)));
                Assert.All(heldOut, example => Assert.True(split.IsHeldOut(example)));
                Assert.All(heldOut, example => Assert.Contains(example / values.block * values.block, heldOut));
            });

    [Theory]
    [InlineData(10_000, 1, 100, 1_000)]
    [InlineData(10_000, 64, 50, 512)]
    [InlineData(2, 1, 10, 1)]
    [InlineData(1, 1, 500, 0)]
    [InlineData(100, 1, 0, 0)]
    public void The_share_is_that_of_the_blocks_but_at_least_one_where_training_keeps_some(
        long examples, int block, int perMille, long heldOut) =>
        Assert.Equal(heldOut, new HeldOutSplit(examples, block, perMille, seed: 1).HeldOutCount);

    [Fact]
    public void The_seed_decides_what_is_held_out()
    {
        static string HeldOut(long seed)
        {
            var split = new HeldOutSplit(1000, 1, 50, seed);
            return string.Join(',', Enumerable.Range(0, 1000).Where(i => split.IsHeldOut(i)));
        }

        Assert.Equal(HeldOut(1), HeldOut(1));
        Assert.NotEqual(HeldOut(1), HeldOut(2));
    }
}
