namespace RnnLm.Data;

/// <summary>How much text a loss is of: every token but the first of each example is predicted.</summary>
/// <param name="Tokens">Predicted tokens.</param>
/// <param name="Words">What white space separates, if its first character is of their text.</param>
/// <param name="Characters">
/// Unicode scalar values of their text, and for each end token the line break whose place it takes, since its loss
/// counts as well.
/// </param>
public readonly record struct PredictedText(long Tokens, long Words, long Characters)
{
    /// <summary>e to the text's loss shared out over its words: comparable between tokenizers.</summary>
    /// <param name="meanLoss">Per token, in nats.</param>
    public double PerplexityPerWord(double meanLoss) => Math.Exp(meanLoss * Tokens / Words);

    /// <summary>Comparable between tokenizers, also of a text without spaces.</summary>
    /// <param name="meanLoss">Per token, in nats.</param>
    public double BitsPerCharacter(double meanLoss) => meanLoss * Tokens / Math.Log(2) / Characters;

    /// <summary>Of all examples of some pieces.</summary>
    public static PredictedText Of(IEnumerable<ShardTokens> pieces, ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        var (tokens, words, characters) = (0L, 0L, 0L);
        foreach (var piece in pieces)
        {
            for (int example = 0; example < piece.ExampleCount; example++)
            {
                var predicted = Of(piece.Example(example), tokenizer);
                (tokens, words, characters) = (
                    tokens + predicted.Tokens, words + predicted.Words, characters + predicted.Characters);
            }
        }

        return new PredictedText(tokens, words, characters);
    }

    /// <summary>Of one example: what decoding it has more than decoding its first token alone.</summary>
    public static PredictedText Of(ReadOnlySpan<int> example, ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        string all = tokenizer.Decode(example);
        string given = tokenizer.Decode(example[..1]);
        int lineBreaks = tokenizer.EndId < 0 ? 0 : example[1..].Count(tokenizer.EndId);
        return new PredictedText(
            example.Length - 1,
            CountWords(all) - CountWords(given),
            all.EnumerateRunes().Count() - given.EnumerateRunes().Count() + lineBreaks);
    }

    private static int CountWords(string text) =>
        text.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries).Length;
}
