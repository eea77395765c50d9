using RnnLm.Shared.Randomness;

namespace RnnLm.Model.Generation;

/// <summary>
/// Draws the next token from logits. The draw is a pure function of (seed, position, logits): the same seed gives the same text on the same kind of machine.
/// </summary>
/// <param name="temperature">Divides the logits; 0 takes the most likely token, the lowest id among equals.</param>
/// <param name="topK">Only the k most likely tokens can be drawn; 0 for all.</param>
/// <param name="seed">Of the stream of random numbers.</param>
public sealed class TokenSampler(double temperature, int topK, long seed)
{
    private readonly CounterRandom _random = new(seed, RandomPurpose.Sampling);

    /// <summary>The token at <paramref name="position"/> of the text.</summary>
    /// <param name="logits">One for each token of the vocabulary.</param>
    /// <param name="position">Number of the draw, from 0.</param>
    /// <param name="forbidden">A token that is never drawn (padding), or -1.</param>
    public int Draw(ReadOnlySpan<float> logits, long position, int forbidden = -1)
    {
        var candidates = new (float Logit, int Id)[logits.Length];
        int count = 0;
        for (int id = 0; id < logits.Length; id++)
        {
            if (id != forbidden)
            {
                candidates[count++] = (logits[id], id);
            }
        }

        if (count == 0)
        {
            throw new ArgumentException("there is no token to draw", nameof(logits));
        }

        Array.Sort(candidates, 0, count, ByLikelihood.Instance);
        if (temperature == 0)
        {
            return candidates[0].Id;
        }

        int kept = topK > 0 ? Math.Min(topK, count) : count;
        var weights = new double[kept];
        double total = 0;
        for (int i = 0; i < kept; i++)
        {
            total += weights[i] = Math.Exp((candidates[i].Logit - (double)candidates[0].Logit) / temperature);
        }

        double remaining = _random.UniformDouble((ulong)position) * total;
        for (int i = 0; i < kept; i++)
        {
            remaining -= weights[i];
            if (remaining < 0)
            {
                return candidates[i].Id;
            }
        }

        return candidates[kept - 1].Id;
    }

    /// <summary>Highest logit first, lowest id among equals.</summary>
    private sealed class ByLikelihood : IComparer<(float Logit, int Id)>
    {
        public static ByLikelihood Instance { get; } = new();

        public int Compare((float Logit, int Id) x, (float Logit, int Id) y)
        {
            int byLogit = y.Logit.CompareTo(x.Logit);
            return byLogit != 0 ? byLogit : x.Id.CompareTo(y.Id);
        }
    }
}
