using System.Runtime.Intrinsics;

namespace RnnLm.Tests;

public class ElementaryFunctionTests
{
    [Fact]
    public void The_exponential_is_within_two_ten_millionths_of_the_true_one()
    {
        for (float x = -87.2f; x < 88f; x += 0.00131f)
        {
            double expected = Math.Exp(x);
            Assert.InRange(Exponential.Of(Vector512.Create(x))[5] / expected, 1 - 2e-7, 1 + 2e-7);
        }
    }

    [Theory]
    [InlineData(0f, 1f)]
    [InlineData(-88f, 0f)]
    [InlineData(-1e30f, 0f)]
    [InlineData(float.NegativeInfinity, 0f)]
    [InlineData(float.NaN, float.NaN)]
    public void The_exponential_at_its_edges(float x, float expected) =>
        Assert.Equal(expected, Exponential.Of(Vector512.Create(x))[0]);

    [Fact]
    public void The_exponential_keeps_any_NaN_one()
    {
        for (uint payload = 1; payload < 0x7fffff; payload = (payload * 3) + 1)
        {
            float nan = BitConverter.UInt32BitsToSingle(0x7f800000u | payload);
            Assert.True(float.IsNaN(Exponential.Of(Vector512.Create(nan))[0]), $"payload {payload:x}");
        }
    }

    [Fact]
    public void The_hyperbolic_tangent_is_within_two_ten_millionths_of_the_true_one()
    {
        for (float x = 1e-6f; x < 12f; x += (0.0003f * x) + 1e-7f)
        {
            double expected = Math.Tanh(x);
            Assert.InRange(HyperbolicTangent.Of(Vector512.Create(x))[3] / expected, 1 - 2e-7, 1 + 2e-7);
            Assert.Equal(-HyperbolicTangent.Of(Vector512.Create(x))[3], HyperbolicTangent.Of(Vector512.Create(-x))[3]);
        }
    }

    [Theory]
    [InlineData(0f, 0f)]
    [InlineData(1e-30f, 1e-30f)]
    [InlineData(50f, 1f)]
    [InlineData(-1e30f, -1f)]
    [InlineData(float.PositiveInfinity, 1f)]
    [InlineData(float.NegativeInfinity, -1f)]
    [InlineData(float.NaN, float.NaN)]
    public void The_hyperbolic_tangent_at_its_edges(float x, float expected) =>
        Assert.Equal(expected, HyperbolicTangent.Of(Vector512.Create(x))[0]);
}
