using System.Globalization;
using System.Text.Json;

namespace RnnLm.Cli.Tests;

[Collection(SmallRun.Collection)]
public sealed class Evaluate_command(SmallRun small)
{
    /// <summary>Not in the training text, longer than one window, with a shorter window at its end.</summary>
    private const string Text = "a bird finds the road home.\nthe moon sees our ship";

    /// <summary>The first is given, not predicted.</summary>
    private const int Words = 10;

    [Fact]
    public void Agrees_with_a_computation_by_hand()
    {
        small.Directory.Write("other.txt", Text);
        var (loss, tokens) = ByHand();
        double bits = loss * tokens / Math.Log(2) / tokens;

        var json = JsonElement.Parse(RnnLmProcess.Run(
            small.Directory, "evaluate", "--run", SmallRun.Name, "--corpus", "other.txt", "--json").Succeeded().Output);
        Assert.Equal(80, json.GetProperty("step").GetInt64());
        Assert.Equal(tokens, json.GetProperty("tokens").GetInt64());
        Assert.Equal(Words, json.GetProperty("words").GetInt64());
        Assert.Equal(tokens, json.GetProperty("characters").GetInt64());
        Assert.Equal(loss, json.GetProperty("loss").GetDouble(), 1e-5 * loss);
        Assert.Equal(Math.Exp(loss), json.GetProperty("perplexity").GetDouble(), 1e-4 * Math.Exp(loss));
        double perWord = Math.Exp(loss * tokens / Words);
        Assert.Equal(perWord, json.GetProperty("perplexity_per_word").GetDouble(), 1e-4 * perWord);
        Assert.Equal(bits, json.GetProperty("bits_per_character").GetDouble(), 1e-5 * bits);

        // The same figures, rounded: those of the hand may lie on the other side of a rounding.
        double Figure(string name) => json.GetProperty(name).GetDouble();
        string text = RnnLmProcess.Run(
            small.Directory, "evaluate", "--run", SmallRun.Name, "--corpus", "other.txt", "--threads", "1")
            .Succeeded().Output;
        string expected = string.Create(
            CultureInfo.InvariantCulture,
            $"""
            step 80: {tokens} tokens, {Words} words, {tokens} characters predicted
            loss per token      {Figure("loss"):F4} nats
            perplexity          {Figure("perplexity"):F2}
            perplexity per word {Figure("perplexity_per_word"):F2}
            bits per character  {Figure("bits_per_character"):F4}

            """);
        Assert.Equal(expected, text);
    }

    private (double MeanLoss, int Tokens) ByHand()
    {
        var model = new ReferenceModel(small.Run, "final");
        string vocabulary = string.Concat(small.Text.Distinct().Order());
        int[] ids = [.. Text.Select(character => vocabulary.IndexOf(character, StringComparison.Ordinal))];
        double loss = 0;
        for (int start = 0; start < ids.Length - 1; start += SmallRun.Context)
        {
            int end = Math.Min(start + SmallRun.Context, ids.Length - 1);
            loss += model.Loss(ids[start..end], ids[(start + 1)..(end + 1)]);
        }

        return (loss / (ids.Length - 1), ids.Length - 1);
    }
}
