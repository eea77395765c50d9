using System.Globalization;
using System.Text;

namespace RnnLm.Tests;

/// <summary>Made-up prose that is the same in every run.</summary>
internal static class SampleText
{
    private static readonly string[] Words =
    [
        "the", "of", "and", "whale", "sea", "ship", "captain", "harpoon", "old", "white", "never", "into", "upon",
        "there", "waves", "crew", "boat", "long", "morning", "wind", "Nantucket", "naïve", "1851", "don't", "—",
        "“ho!”", "wrecked", "sailing", "sailed", "sailor", "whaling", "whales",
    ];

    /// <summary>Lines of words of about <paramref name="bytes"/> bytes in all.</summary>
    public static string Lines(int bytes, long seed = 1)
    {
        var random = new CounterRandom(seed, RandomPurpose.Sampling);
        var text = new StringBuilder();
        for (ulong n = 0; text.Length < bytes; n++)
        {
            uint bits = random.Bits32(n);
            text.Append(Words[bits % (uint)Words.Length]).Append((bits >> 16) % 12 == 0 ? ".\n" : " ");
        }

        return text.Append(".\n").ToString();
    }

    /// <summary>
    /// The words <c>w0 w1 …</c>, each once: under a word tokenizer every position has an id of its own.
    /// </summary>
    public static string DistinctWords(int count, string separator = " ") =>
        string.Join(separator, Enumerable.Range(0, count).Select(i => "w" + i.ToString(CultureInfo.InvariantCulture)));
}
