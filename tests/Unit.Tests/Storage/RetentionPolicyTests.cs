namespace RnnLm.Tests;

public sealed class RetentionPolicyTests
{
    [Theory]
    [InlineData(1, 0, null, "1 2 3 4 5")]
    [InlineData(3, 0, null, "1 2 3")]
    [InlineData(3, 0, 2L, "1 3")]
    [InlineData(1, 2L, null, "1 3 5")]
    [InlineData(10, 0, null, "")]
    public void Of_steps_0_to_6_these_are_removed(int keepLast, long keepEvery, long? best, string expected)
    {
        IReadOnlyList<long> removed = new RetentionPolicy(keepLast, keepEvery).Removable([6, 5, 4, 3, 2, 1, 0], best);

        Assert.Equal(expected, string.Join(' ', removed));
    }

    [Fact]
    public void Keeping_none_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new RetentionPolicy(0).Removable([0], null));
    }
}
