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

    [Fact]
    public void A_draw_depends_on_seed_and_position_alone()
    {
        var first = new TokenSampler(1, 0, seed: 3);
        var again = new TokenSampler(1, 0, seed: 3);
        var other = new TokenSampler(1, 0, seed: 4);
        int[] forward = [.. Enumerable.Range(0, 50).Select(position => first.Draw(Logits, position))];
        int[] backward =
            [.. Enumerable.Range(0, 50).Reverse().Select(position => again.Draw(Logits, position)).Reverse()];
        Assert.Equal(forward, backward);
        Assert.NotEqual(forward, Enumerable.Range(0, 50).Select(position => other.Draw(Logits, position)));
    }
}
