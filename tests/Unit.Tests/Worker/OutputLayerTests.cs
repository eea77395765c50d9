namespace RnnLm.Tests;

public unsafe class OutputLayerTests
{
    public static TheoryData<int, int, int> Sizes()
    {
        var sizes = new TheoryData<int, int, int>();
        foreach (int vocabularySize in new[] { 1, 7, 80, 513 })
        {
            foreach (int dimension in new[] { 3, 24, 128 })
            {
                foreach (int rows in new[] { 0, 1, 17, 601 })
                {
                    sizes.Add(vocabularySize, dimension, rows);
                }
            }
        }

        return sizes;
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Loss_and_gradients_are_those_of_the_formula(int vocabularySize, int dimension, int rows)
    {
        using var hidden = Numbers.Uniform(rows * dimension, 1, 1);
        using var weight = Numbers.Uniform(vocabularySize * dimension, 1, 2);
        using var bias = Numbers.Uniform(vocabularySize, 3, 3);
        int[] targets = Numbers.Ids(rows, vocabularySize, 4);
        using var hiddenGradient = Numbers.Garbage(rows * dimension);
        using var weightGradient = Numbers.Garbage(vocabularySize * dimension);
        using var biasGradient = Numbers.Garbage(vocabularySize);
        using var scratch = new OutputScratch();
        var weights = new OutputWeights { Weight = weight.AsMatrix(vocabularySize, dimension), Bias = bias.Address };
        var gradients = new OutputWeights
        {
            Weight = weightGradient.AsMatrix(vocabularySize, dimension),
            Bias = biasGradient.Address,
        };

        double loss = OutputLayer.LossAndGradient(
            weights,
            hidden.AsMatrix(rows, dimension),
            targets,
            scratch,
            hiddenGradient.AsMatrix(rows, dimension),
            gradients);
        double lossOnly = OutputLayer.Loss(weights, hidden.AsMatrix(rows, dimension), targets, scratch);

        Reference expected = Reference.Of(hidden.ToDouble(), weight.ToDouble(), bias.ToDouble(), targets);
        Assert.Equal(expected.Loss, loss, 1e-6 * Math.Max(1, expected.Loss));
        Assert.Equal(loss, lossOnly);
        Numbers.AssertClose(expected.Hidden, hiddenGradient.Span, 3e-6);
        Numbers.AssertClose(expected.Weight, weightGradient.Span, 1e-5);
        Numbers.AssertClose(expected.Bias, biasGradient.Span, 1e-5);
    }

    [Fact]
    public void Logits_far_apart_neither_overflow_nor_lose_the_loss()
    {
        // One dimension: the logits are the weights. The two halves lie 400 apart, and no tile has words of both.
        const int VocabularySize = 1024;
        using var hidden = Numbers.Garbage(2);
        using var weight = Numbers.Garbage(VocabularySize);
        using var bias = Numbers.Garbage(VocabularySize);
        hidden.Span.Fill(1);
        weight.Span[..512].Fill(-200);
        weight.Span[512..].Fill(200);
        bias.Span.Clear();
        using var scratch = new OutputScratch();
        using var hiddenGradient = Numbers.Garbage(2);
        using var weightGradient = Numbers.Garbage(VocabularySize);
        using var biasGradient = Numbers.Garbage(VocabularySize);

        double loss = OutputLayer.LossAndGradient(
            new OutputWeights { Weight = weight.AsMatrix(VocabularySize, 1), Bias = bias.Address },
            hidden.AsMatrix(2, 1),
            [3, 1000],
            scratch,
            hiddenGradient.AsMatrix(2, 1),
            new OutputWeights { Weight = weightGradient.AsMatrix(VocabularySize, 1), Bias = biasGradient.Address });

        Assert.Equal(400 + (2 * Math.Log(512)), loss, 1e-9);
        Assert.Equal(-1f, biasGradient.Span[3]);
        Assert.Equal(0f, biasGradient.Span[4], 1e-27f);
        Assert.Equal(2f / 512, biasGradient.Span[600]);
        Assert.Equal(400f, hiddenGradient.Span[0], 1e-3f);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_parameter_that_is_not_finite_shows_in_the_loss(float value)
    {
        using var hidden = Numbers.Uniform(4 * 3, 1, 1);
        using var weight = Numbers.Uniform(600 * 3, 1, 2);
        using var bias = Numbers.Uniform(600, 1, 3);
        using var scratch = new OutputScratch();
        foreach (int position in new[] { 0, 100, 511, 512, 599 })
        {
            float before = bias.Span[position];
            bias.Span[position] = value;
            var weights = new OutputWeights { Weight = weight.AsMatrix(600, 3), Bias = bias.Address };

            Assert.False(double.IsFinite(OutputLayer.Loss(weights, hidden.AsMatrix(4, 3), [1, 2, 3, 4], scratch)));

            bias.Span[position] = before;
        }
    }

    private sealed record Reference(double Loss, double[] Hidden, double[] Weight, double[] Bias)
    {
        public static Reference Of(double[] hidden, double[] weight, double[] bias, int[] targets)
        {
            int vocabularySize = bias.Length;
            int dimension = weight.Length / vocabularySize;
            var result = new Reference(
                0, new double[hidden.Length], new double[weight.Length], new double[vocabularySize]);
            double loss = 0;
            for (int row = 0; row < targets.Length; row++)
            {
                var logits = new double[vocabularySize];
                for (int v = 0; v < vocabularySize; v++)
                {
                    logits[v] = bias[v];
                    for (int k = 0; k < dimension; k++)
                    {
                        logits[v] += hidden[(row * dimension) + k] * weight[(v * dimension) + k];
                    }
                }

                double largest = logits.Max();
                double logSum = largest + Math.Log(logits.Sum(logit => Math.Exp(logit - largest)));
                loss += logSum - logits[targets[row]];
                for (int v = 0; v < vocabularySize; v++)
                {
                    double gradient = Math.Exp(logits[v] - logSum) - (v == targets[row] ? 1 : 0);
                    result.Bias[v] += gradient;
                    for (int k = 0; k < dimension; k++)
                    {
                        result.Hidden[(row * dimension) + k] += gradient * weight[(v * dimension) + k];
                        result.Weight[(v * dimension) + k] += gradient * hidden[(row * dimension) + k];
                    }
                }
            }

            return result with { Loss = loss };
        }
    }
}
