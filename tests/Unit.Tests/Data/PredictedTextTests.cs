namespace RnnLm.Tests;

/// <summary>What the loss of a text is shared out over.</summary>
public class PredictedTextTests
{
    [Fact]
    public void An_end_token_counts_as_the_line_break_it_stands_for()
    {
        CharTokenizer characters = CharTokenizer.Of("helo".EnumerateRunes(), sentenceTokens: true);
        int[] example = [characters.StartId, .. characters.Encode("hello"), characters.EndId];
        Assert.Equal("hello\n".Length, PredictedText.Of(example, characters).Characters);
        Assert.Equal("hello".Length, PredictedText.Of(example.AsSpan(0, 6), characters).Characters);
        Assert.Equal("ello\n".Length, PredictedText.Of(example.AsSpan(1), characters).Characters);
    }

    [Fact]
    public void A_line_token_counts_once()
    {
        var counts = new Dictionary<string, long> { ["one"] = 2, ["two"] = 1 };
        var kind = new TokenizerSpec(TokenizerKind.SpacedWords);
        WordTokenizer lines = WordTokenizer.Of(counts, kind);
        Assert.Equal(
            new PredictedText(4, 2, " two\none\n".Length), PredictedText.Of(lines.Encode("one two\none\n"), lines));
        WordTokenizer enclosed = WordTokenizer.Of(counts, kind, sentenceTokens: true);
        Assert.Equal(
            new PredictedText(3, 2, "one two\n".Length),
            PredictedText.Of([enclosed.StartId, .. enclosed.Encode("one two\n")], enclosed));
    }

    [Fact]
    public void Without_end_tokens_it_is_the_text_after_the_first_token()
    {
        ByteLevelTokenizer tokenizer = ByteLevelTokenizer.Of("gpt2");
        Assert.Equal(
            new PredictedText(1, 1, " world".Length), PredictedText.Of(tokenizer.Encode("Hello world"), tokenizer));
    }

    /// <summary>Three windows of "a bb a": each token costs ln 2 nats, 5 bits in all, 2.5 a word.</summary>
    [Fact]
    public void A_word_that_windows_share_counts_once()
    {
        CharTokenizer characters = CharTokenizer.Of("ab ".EnumerateRunes());
        ShardTokens[] pieces =
        [
            new([.. characters.Encode("a b"), .. characters.Encode("bb ")], [0, 3, 6]),
            new(characters.Encode(" a"), [0, 2]),
        ];
        var text = PredictedText.Of(pieces, characters);
        Assert.Equal(new PredictedText(5, 2, 5), text);
        Assert.Equal(Math.Pow(2, 2.5), text.PerplexityPerWord(Math.Log(2)), 1e-12);
        Assert.Equal(1, text.BitsPerCharacter(Math.Log(2)), 1e-12);
    }
}
