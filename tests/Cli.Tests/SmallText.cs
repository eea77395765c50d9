using System.Text;

namespace RnnLm.Cli.Tests;

/// <summary>English-like text, the same on every machine.</summary>
internal static class SmallText
{
    private static readonly string[] Subjects = ["the cat", "a dog", "our ship", "the old man", "a bird"];
    private static readonly string[] Verbs = ["sees", "follows", "likes", "finds", "forgets"];
    private static readonly string[] Objects =
        ["the sea", "a small house", "the road home", "its own tail", "the moon"];

    /// <summary>Sentences, one a line.</summary>
    public static string Sentences(int count)
    {
        var random = new Random(1);
        var text = new StringBuilder();
        for (int i = 0; i < count; i++)
        {
            text.Append($"{Pick(Subjects)} {Pick(Verbs)} {Pick(Objects)}.\n");
        }

        return text.ToString();

        string Pick(string[] words) => words[random.Next(words.Length)];
    }
}
