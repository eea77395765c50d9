namespace RnnLm.Tests;

public class GradientNormTests
{
    private const int BlockFloats = 65536;

    // Several blocks of dense parameters and of rows, the last ones not whole vectors.
    private static readonly ModelSettings Model = new(VocabularySize: 5003, Dimension: 29, Layers: 1, PaddingId: -1);
    private static readonly int[] RowIds = [.. Enumerable.Range(0, 3001).Select(i => i + (i / 2))];

    [Fact]
    public void It_has_the_bits_of_sixteen_lanes_within_fixed_blocks_for_any_degree()
    {
        using Gradient gradient = Gradients.Random(Model, RowIds, tokens: 37, stream: 1);
        foreach (int degree in new[] { 1, 2, 5 })
        {
            Assert.Equal(Reference(gradient), GradientNorm.OfMean(gradient, degree));
        }
    }

    [Fact]
    public void The_lanes_are_added_in_a_fixed_order()
    {
        // One gradient may round alike in two orders; fifty do not.
        var small = new ModelSettings(VocabularySize: 9, Dimension: 3, Layers: 1, PaddingId: -1);
        for (ulong stream = 0; stream < 100; stream += 2)
        {
            using Gradient gradient = Gradients.Random(small, [0, 1, 5, 8], tokens: 1, stream);
            Assert.Equal(Reference(gradient), GradientNorm.OfMean(gradient, degree: 1));
        }
    }

    [Fact]
    public void It_is_the_square_root_of_the_sum_of_squares_of_the_mean()
    {
        using Gradient gradient = Gradients.Random(Model, RowIds, tokens: 37, stream: 2);

        double expected = Math.Sqrt(gradient.ToFlat().Sum(value => Math.Pow(value / 37.0, 2)));

        Assert.Equal(expected, GradientNorm.OfMean(gradient, 2), 1e-12 * expected);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void One_element_that_is_not_finite_shows(float value)
    {
        using Gradient gradient = Gradients.Random(Model, RowIds, tokens: 37, stream: 3);
        foreach (int position in new[] { 0, 70000, gradient.Dense.Length - 1 })
        {
            float before = gradient.Dense.Span[position];
            gradient.Dense.Span[position] = value;
            Assert.False(double.IsFinite(GradientNorm.OfMean(gradient, 2)));
            gradient.Dense.Span[position] = before;
        }

        Assert.True(double.IsFinite(GradientNorm.OfMean(gradient, 2)));
        gradient.PresentRows()[^1] = value;
        Assert.False(double.IsFinite(GradientNorm.OfMean(gradient, 2)));
    }

    [Fact]
    public void Large_floats_do_not_overflow_and_the_identity_has_norm_zero()
    {
        using Gradient gradient = Gradients.Random(Model, [], tokens: 1, stream: 4);
        gradient.Dense.Span.Clear();
        gradient.Dense.Span[5] = 3e38f;
        gradient.Dense.Span[6] = -3e38f;

        Assert.Equal(3e38f * Math.Sqrt(2), GradientNorm.OfMean(gradient, 1), 1e25);

        gradient.Clear();
        Assert.Equal(0.0, GradientNorm.OfMean(gradient, 1));
    }

    private static double Reference(Gradient gradient)
    {
        double total = 0;
        var dense = gradient.Dense.Span.ToArray().Chunk(BlockFloats);
        var rows = gradient.PresentRows().ToArray().Chunk(BlockFloats);
        foreach (float[] block in dense.Concat(rows))
        {
            total += SumOfSquares(block);
        }

        return Math.Sqrt(total) / gradient.TokenCount;
    }

    private static double SumOfSquares(float[] block)
    {
        var lanes = new double[16];
        for (int i = 0; i < block.Length; i++)
        {
            lanes[i % 16] += (double)block[i] * block[i];
        }

        double sum = 0;
        for (int lane = 0; lane < 8; lane++)
        {
            sum += lanes[lane] + lanes[lane + 8];
        }

        return sum;
    }
}
