namespace RnnLm.Worker;

/// <summary>
/// Draws the next token from logits. The draw is a pure function of (seed, position, logits): the same seed gives the
/// same text on the same kind of machine.
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
        int best = MostLikely(logits, forbidden);
        if (temperature == 0)
        {
            return best;
        }

        double[] weights = new double[logits.Length];
        for (int id = 0; id < weights.Length; id++)
        {
            weights[id] = id == forbidden ? 0 : Math.Exp((logits[id] - (double)logits[best]) / temperature);
        }

        KeepMostLikely(weights);
        double remaining = _random.UniformDouble((ulong)position) * weights.Sum();
        for (int id = 0; id < weights.Length; id++)
        {
            remaining -= weights[id];
            if (remaining < 0)
            {
                return id;
            }
        }

        // Rounding can leave a last crumb that no token takes.
        return best;
    }

    private static int MostLikely(ReadOnlySpan<float> logits, int forbidden)
    {
        int best = -1;
        for (int id = 0; id < logits.Length; id++)
        {
            if (id != forbidden && (best < 0 || logits[id] > logits[best]))
            {
                best = id;
            }
        }

        return best >= 0 ? best : throw new ArgumentException("there is no token to draw", nameof(logits));
    }

    /// <summary>Takes the weight of all but the k most likely tokens away.</summary>
    private void KeepMostLikely(double[] weights)
    {
        if (topK == 0 || topK >= weights.Length)
        {
            return;
        }

        int[] ids = [.. Enumerable.Range(0, weights.Length)];
        Array.Sort(ids, (x, y) => weights[x] == weights[y] ? x.CompareTo(y) : weights[y].CompareTo(weights[x]));
        foreach (int id in ids.AsSpan(topK))
        {
            weights[id] = 0;
        }
    }
}
