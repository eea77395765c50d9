namespace RnnLm.Tests;

public sealed class Token_sampler
{
    private static readonly float[] Logits = [1, 3, 2, 3, -4];

    [Fact]
    public void Temperature_0_takes_the_most_likely_token_and_the_lowest_id_among_equals()
    {
        var sampler = new TokenSampler(temperature: 0, topK: 0, seed: 1);
        Assert.Equal(1, sampler.Draw(Logits, 0));
        Assert.Equal(3, sampler.Draw(Logits, 0, forbidden: 1));
    }

    [Fact]
    public void Draws_have_the_frequencies_of_the_softmax_at_that_temperature()
    {
        const int Draws = 40_000;
        const double Temperature = 2;
        var sampler = new TokenSampler(Temperature, topK: 0, seed: 7);
        int[] counts = new int[Logits.Length];
        for (int position = 0; position < Draws; position++)
        {
            counts[sampler.Draw(Logits, position)]++;
        }

        double total = Logits.Sum(logit => Math.Exp(logit / Temperature));
        for (int id = 0; id < Logits.Length; id++)
        {
            // Five standard deviations of a share of 40,000 draws are at most 0.0125.
            Assert.Equal(Math.Exp(Logits[id] / Temperature) / total, counts[id] / (double)Draws, 0.0125);
        }
    }

    [Fact]
    public void Only_the_k_most_likely_tokens_are_drawn()
    {
        var sampler = new TokenSampler(temperature: 5, topK: 3, seed: 7);
        var drawn = Enumerable.Range(0, 2_000).Select(position => sampler.Draw(Logits, position)).Distinct().Order();
        Assert.Equal([1, 2, 3], drawn);
    }

    /// <summary>Of the tokens whose probabilities are 0.1, 0.4, 0.2 and 0.3.</summary>
    [Theory]
    [InlineData(1e-9, 0, 1, new[] { 1 })]
    [InlineData(0.39, 0, 1, new[] { 1 })]
    [InlineData(0.41, 0, 1, new[] { 1, 3 })]
    [InlineData(0.69, 0, 1, new[] { 1, 3 })]
    [InlineData(0.71, 0, 1, new[] { 1, 2, 3 })]
    [InlineData(0.89, 0, 1, new[] { 1, 2, 3 })]
    [InlineData(0.91, 0, 1, new[] { 0, 1, 2, 3 })]
    [InlineData(1.0, 0, 1, new[] { 0, 1, 2, 3 })]

    // Of the three most likely 0.4 and 0.3 are 7/9 of the probability.
    [InlineData(0.77, 3, 1, new[] { 1, 3 })]
    [InlineData(0.79, 3, 1, new[] { 1, 2, 3 })]
    [InlineData(0.99, 2, 1, new[] { 1, 3 })]

    // At temperature 1/2 probabilities are squares: 0.16 and 0.09 are 25/30 of 0.01 + 0.16 + 0.04 + 0.09.
    [InlineData(0.83, 0, 0.5, new[] { 1, 3 })]
    [InlineData(0.84, 0, 0.5, new[] { 1, 2, 3 })]
    public void Only_the_nucleus_is_drawn(double topP, int topK, double temperature, int[] nucleus)
    {
        float[] logits = [.. new[] { 0.1, 0.4, 0.2, 0.3 }.Select(probability => (float)Math.Log(probability))];
        var sampler = new TokenSampler(temperature, topK, seed: 7, topP);
        var drawn = Enumerable.Range(0, 2_000).Select(position => sampler.Draw(logits, position)).Distinct().Order();
        Assert.Equal(nucleus, drawn);
    }

    /// <summary>Among equals the lowest ids are taken first, also of a zero and its negative.</summary>
    [Fact]
    public void The_nucleus_is_the_smallest_set_of_most_likely_tokens_that_reaches_the_probability()
    {
        var random = new Random(5);
        for (int trial = 0; trial < 300; trial++)
        {
            float[] logits =
                [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(-6, 7) * (random.Next(2) - 0.5f))];
            double topP = random.NextDouble();
            int forbidden = logits.Length > 1 ? random.Next(-1, logits.Length) : -1;
            var sampler = new TokenSampler(temperature: 1, topK: 0, seed: trial, topP);
            var drawn = Enumerable.Range(0, 400).Select(position => sampler.Draw(logits, position, forbidden))
                .Distinct().ToArray();

            var falling = Enumerable.Range(0, logits.Length).Where(id => id != forbidden)
                .OrderByDescending(id => logits[id]).ThenBy(id => id).ToArray();
            double all = falling.Sum(id => Math.Exp(logits[id]));
            int size = Enumerable.Range(1, falling.Length)
                .First(count => falling.Take(count).Sum(id => Math.Exp(logits[id])) >= (topP * all) - 1e-9);
            Assert.Subset(falling.Take(size).ToHashSet(), drawn.ToHashSet());
            Assert.Contains(falling[0], drawn);
        }
    }

    [Fact]
    public void Inside_the_nucleus_draws_have_the_frequencies_of_the_softmax()
    {
        const int Draws = 40_000;
        var sampler = new TokenSampler(temperature: 1, topK: 0, seed: 7, topP: 0.9);
        int[] counts = new int[Logits.Length];
        for (int position = 0; position < Draws; position++)
        {
            counts[sampler.Draw(Logits, position)]++;
        }

        // 1 and 3 have 0.789 of the probability, 2 has 0.145.
        double total = (2 * Math.Exp(3)) + Math.Exp(2);
        double[] expected = [0, Math.Exp(3) / total, Math.Exp(2) / total, Math.Exp(3) / total, 0];
        for (int id = 0; id < Logits.Length; id++)
        {
            Assert.Equal(expected[id], counts[id] / (double)Draws, 0.0125);
        }
    }

    [Fact]
    public void A_draw_depends_on_seed_prompt_and_position_alone()
    {
        var first = new TokenSampler(1, 0, seed: 3);
        var again = new TokenSampler(1, 0, seed: 3);
        var other = new TokenSampler(1, 0, seed: 4);
        uint stream = TokenSampler.StreamOf([5]);
        int[] forward = [.. Enumerable.Range(0, 50).Select(position => first.Draw(Logits, position))];
        int[] backward =
            [.. Enumerable.Range(0, 50).Reverse().Select(position => again.Draw(Logits, position)).Reverse()];
        Assert.Equal(forward, backward);
        Assert.NotEqual(forward, Enumerable.Range(0, 50).Select(position => other.Draw(Logits, position)));
        Assert.NotEqual(
            forward, Enumerable.Range(0, 50).Select(position => first.Draw(Logits, position, stream: stream)));
    }
}
