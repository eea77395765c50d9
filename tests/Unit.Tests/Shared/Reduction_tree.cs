namespace RnnLm.Tests;

/// <summary>The tree is tried on sums written as text, so that every change of order or of brackets shows.</summary>
public sealed class Reduction_tree
{
    private const string WholeOfEight = "(((0+1)+(2+3))+((4+5)+(6+7)))";

    [Fact]
    public void The_sum_has_the_trees_brackets_whatever_the_order_of_arrival()
    {
        var random = new Random(1);
        for (int trial = 0; trial < 200; trial++)
        {
            int[] order = [.. Enumerable.Range(0, 8)];
            random.Shuffle(order);
            var tree = new ReductionTree<string>(8);
            foreach (int shard in order)
            {
                Assert.True(tree.Accept(new ShardRange(shard, 1), $"{shard}", []));
                Climb(tree, new ShardRange(shard, 1));
            }

            Assert.Equal(WholeOfEight, tree.Root);
        }
    }

    [Fact]
    public void Ranges_of_any_size_give_the_same_sum()
    {
        var tree = new ReductionTree<string>(8);
        foreach (var (range, value) in new[]
        {
            (new ShardRange(4, 4), "((4+5)+(6+7))"),
            (new ShardRange(2, 2), "(2+3)"),
            (new ShardRange(1, 1), "1"),
            (new ShardRange(0, 1), "0"),
        })
        {
            Assert.True(tree.Accept(range, value, []));
            Climb(tree, range);
        }

        Assert.Equal(WholeOfEight, tree.Root);
    }

    [Fact]
    public void A_range_counts_once_and_never_below_one_that_is_filled()
    {
        var tree = new ReductionTree<string>(4);
        Assert.True(tree.Accept(new ShardRange(0, 2), "(0+1)", []));
        Assert.False(tree.Accept(new ShardRange(0, 2), "again", []));
        Assert.False(tree.Accept(new ShardRange(0, 1), "0", []));
        Assert.False(tree.Accept(new ShardRange(1, 1), "1", []));
        Assert.True(tree.Accept(new ShardRange(2, 2), "(2+3)", []));
        Climb(tree, new ShardRange(2, 2));
        Assert.Equal("((0+1)+(2+3))", tree.Root);
        Assert.False(tree.Accept(new ShardRange(0, 4), "all", []));
        Assert.False(tree.Accept(new ShardRange(3, 1), "3", []));
    }

    [Fact]
    public void A_larger_range_discards_what_it_contains()
    {
        var tree = new ReductionTree<string>(4);
        var discarded = new List<string>();
        Assert.True(tree.Accept(new ShardRange(0, 1), "0", discarded));
        Assert.True(tree.Accept(new ShardRange(2, 1), "2", discarded));
        Assert.True(tree.Accept(new ShardRange(0, 4), "all", discarded));
        Assert.Equal(["0", "2"], discarded.Order());
        Assert.Equal("all", tree.Root);
    }

    [Fact]
    public void A_sum_that_comes_back_after_a_larger_range_was_accepted_is_not_used()
    {
        var tree = new ReductionTree<string>(4);
        tree.Accept(new ShardRange(0, 1), "0", []);
        tree.Accept(new ShardRange(1, 1), "1", []);
        Assert.True(tree.TryTakePair(new ShardRange(1, 1), out var parent, out _, out _));
        Assert.False(tree.Accept(parent, "(0+1) of somebody else", []));
        Assert.True(tree.Accept(new ShardRange(0, 4), "all", []));
        Assert.False(tree.Complete(parent, "(0+1)"));
        Assert.Equal("all", tree.Root);
    }

    [Fact]
    public void Whatever_is_left_in_the_tree_can_be_taken_out()
    {
        var tree = new ReductionTree<string>(4);
        tree.Accept(new ShardRange(0, 2), "(0+1)", []);
        tree.Accept(new ShardRange(3, 1), "3", []);
        var discarded = new List<string>();
        tree.Clear(discarded);
        Assert.Equal(["(0+1)", "3"], discarded.Order());
        Assert.False(tree.IsCovered(new ShardRange(3, 1)));
    }

    private static void Climb(ReductionTree<string> tree, ShardRange range)
    {
        while (tree.TryTakePair(range, out var parent, out string left, out string right))
        {
            Assert.True(tree.Complete(parent, $"({left}+{right})"));
            range = parent;
        }
    }
}
