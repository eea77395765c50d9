namespace RnnLm.Tests;

public sealed class Philox_is_the_published_generator
{
    /// <summary>
    /// Known answers published with the Random123 library of the paper's authors (philox4x32, 10 rounds).
    /// </summary>
    [Theory]
    [InlineData(
        new uint[] { 0, 0, 0, 0 }, new uint[] { 0, 0 }, new uint[] { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 })]
    [InlineData(
        new[] { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
        new[] { 0xffffffff, 0xffffffff },
        new uint[] { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd })]
    [InlineData(
        new uint[] { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
        new uint[] { 0xa4093822, 0x299f31d0 },
        new uint[] { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 })]
    public void Known_answers(uint[] counter, uint[] key, uint[] expected)
    {
        UInt128 position = 0;
        for (int word = 3; word >= 0; word--)
        {
            position = (position << 32) | counter[word];
        }

        var (w0, w1, w2, w3) = Philox.Block(key[0] | ((ulong)key[1] << 32), position);
        Assert.Equal(expected, new[] { w0, w1, w2, w3 });
    }

    [Fact]
    public void Streams_of_different_purpose_index_or_seed_differ()
    {
        uint[] first =
        [
            new CounterRandom(1, RandomPurpose.Sampling).Bits32(0),
            new CounterRandom(2, RandomPurpose.Sampling).Bits32(0),
            new CounterRandom(1, RandomPurpose.EpochShuffle).Bits32(0),
            new CounterRandom(1, RandomPurpose.Sampling, 1).Bits32(0),
            new CounterRandom(1, RandomPurpose.Sampling, 1UL << 32).Bits32(0),
            new CounterRandom(1, RandomPurpose.Sampling).Bits32(1),
        ];
        Assert.Equal(first.Length, first.Distinct().Count());
    }

    [Fact]
    public void Uniform_numbers_lie_in_the_unit_interval_with_mean_one_half()
    {
        var random = new CounterRandom(7, RandomPurpose.Initialization);
        double[] values = [.. Enumerable.Range(0, 20_000).Select(n => (double)random.UniformSingle((ulong)n))];
        Assert.All(values, value => Assert.InRange(value, 0, 0.99999999));

        // The mean of n uniform numbers has deviation 1/sqrt(12 n) = 0.002; five of them.
        Assert.InRange(values.Average(), 0.49, 0.51);
    }
}
