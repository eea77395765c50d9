using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace RnnLm.Worker;

/// <summary>
/// Draws the next token from logits. The draw is a pure function of (seed, prompt, position, logits): the same seed
/// gives a prompt the same text on the same kind of machine, whatever else is drawn.
/// </summary>
/// <param name="temperature">Divides the logits; 0 takes the most likely token, the lowest id among equals.</param>
/// <param name="topK">Only the k most likely tokens can be drawn; 0 for all.</param>
/// <param name="seed">Of the random numbers.</param>
/// <param name="topP">
/// Only the nucleus can be drawn, the smallest set of most likely tokens whose probability reaches this (0 to 1, not
/// 0); 1 for all. The probabilities are those at the temperature, among the k most likely tokens. Source: Holtzman et
/// al., "The Curious Case of Neural Text Degeneration", 2020.
/// </param>
public sealed class TokenSampler(double temperature, int topK, long seed, double topP = 1)
{
    /// <summary>The random numbers of a prompt: texts that begin otherwise are not drawn alike.</summary>
    /// <param name="prompt">Its tokens.</param>
    public static uint StreamOf(IReadOnlyList<int> prompt)
    {
        int[] ids = [.. prompt];
        return BinaryPrimitives.ReadUInt32LittleEndian(SHA256.HashData(MemoryMarshal.AsBytes<int>(ids)));
    }

    /// <summary>The token at <paramref name="position"/> of the text.</summary>
    /// <param name="logits">One for each token of the vocabulary.</param>
    /// <param name="position">Number of the draw, from 0.</param>
    /// <param name="forbidden">A token that is never drawn (padding), or -1.</param>
    /// <param name="stream">Of the prompt, by <see cref="StreamOf"/>.</param>
    public int Draw(ReadOnlySpan<float> logits, long position, int forbidden = -1, uint stream = 0)
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
            weights = OfMostLikely(weights, Falling(logits, forbidden));
        }

        var random = new CounterRandom(seed, RandomPurpose.Sampling, stream);
        double remaining = random.UniformDouble((ulong)position) * weights.Sum();
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

    /// <summary>The tokens, the most likely first and the lowest id first among equals; the forbidden one last. Few are
    /// asked for, which a heap finds without sorting all.</summary>
    private static IEnumerable<int> Falling(ReadOnlySpan<float> logits, int forbidden)
    {
        var tokens = new (int Id, ulong Key)[logits.Length];
        for (int id = 0; id < tokens.Length; id++)
        {
            // A number that rises as the logit falls, and then as the id rises. The sum makes one zero of two.
            uint bits = BitConverter.SingleToUInt32Bits(id == forbidden ? float.NegativeInfinity : logits[id] + 0f);
            uint rising = (bits >> 31) == 0 ? bits | 0x8000_0000 : ~bits;
            tokens[id] = (id, ((ulong)~rising << 32) | (uint)id);
        }

        return Dequeue(new PriorityQueue<int, ulong>(tokens));
    }

    private static IEnumerable<int> Dequeue(PriorityQueue<int, ulong> heap)
    {
        while (heap.TryDequeue(out int id, out _))
        {
            yield return id;
        }
    }

    /// <summary>The weights of the tokens that can be drawn, and none for the others.</summary>
    /// <param name="weights">Proportional to the probabilities.</param>
    /// <param name="candidates">The tokens, the most likely first.</param>
    private double[] OfMostLikely(double[] weights, IEnumerable<int> candidates)
    {
        double all = weights.Sum();
        if (topK > 0)
        {
            candidates = [.. candidates.Take(topK)];
            all = candidates.Sum(id => weights[id]);
        }

        double[] left = new double[weights.Length];
        double reached = 0;
        foreach (int id in candidates)
        {
            if (reached >= topP * all)
            {
                break;
            }

            left[id] = weights[id];
            reached += weights[id];
        }

        return left;
    }
}
