namespace RnnLm.Worker;

/// <summary>
/// Draws the next token from logits. The draw is a pure function of (seed, position, logits): the same seed gives the
/// same text on the same kind of machine, whatever else is drawn.
/// </summary>
/// <param name="temperature">Divides the logits; 0 takes the most likely token, the lowest id among equals.</param>
/// <param name="topK">Only the k most likely tokens can be drawn; 0 for all.</param>
/// <param name="seed">Of the stream of random numbers.</param>
/// <param name="topP">
/// Only the nucleus can be drawn, the smallest set of most likely tokens whose probability reaches this (0 to 1, not
/// 0); 1 for all. The probabilities are those at the temperature, among the k most likely tokens. Source: Holtzman et
/// al., "The Curious Case of Neural Text Degeneration", 2020.
/// </param>
public sealed class TokenSampler(double temperature, int topK, long seed, double topP = 1)
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

        if ((topK > 0 && topK < weights.Length) || topP < 1)
        {
            KeepMostLikely(weights, FallingOrder(logits, forbidden));
        }

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

    /// <summary>All tokens, the most likely first and the lowest id first among equals; the forbidden one is
    /// last.</summary>
    private static int[] FallingOrder(ReadOnlySpan<float> logits, int forbidden)
    {
        // Numbers in whose order the tokens stand: to sort them takes a fifth of what comparing tokens takes.
        ulong[] keys = new ulong[logits.Length];
        for (int id = 0; id < keys.Length; id++)
        {
            // The sum makes one zero of two.
            uint bits = BitConverter.SingleToUInt32Bits(id == forbidden ? float.NegativeInfinity : logits[id] + 0f);
            uint rising = (bits >> 31) == 0 ? bits | 0x8000_0000 : ~bits;
            keys[id] = ((ulong)~rising << 32) | (uint)id;
        }

        Array.Sort(keys);
        return Array.ConvertAll(keys, key => (int)(uint)key);
    }

    /// <summary>Takes the weight of all tokens away that cannot be drawn.</summary>
    /// <param name="weights">Proportional to the probabilities.</param>
    /// <param name="ids">The most likely first.</param>
    private void KeepMostLikely(double[] weights, ReadOnlySpan<int> ids)
    {
        int kept = topK == 0 ? ids.Length : Math.Min(topK, ids.Length);
        if (topP < 1)
        {
            double all = 0;
            foreach (int id in ids[..kept])
            {
                all += weights[id];
            }

            double reached = 0;
            int nucleus = 0;
            while (nucleus < kept && reached < topP * all)
            {
                reached += weights[ids[nucleus++]];
            }

            kept = nucleus;
        }

        foreach (int id in ids[kept..])
        {
            weights[id] = 0;
        }
    }
}
