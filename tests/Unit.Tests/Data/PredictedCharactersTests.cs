namespace RnnLm.Tests;

/// <summary>What bits per character are shared out over.</summary>
public class PredictedCharactersTests
{
    [Fact]
    public void An_end_token_counts_as_the_line_break_it_stands_for()
    {
        CharTokenizer characters = CharTokenizer.Of("helo".EnumerateRunes(), sentenceTokens: true);
        int[] example = [characters.StartId, .. characters.Encode("hello"), characters.EndId];
        Assert.Equal("hello\n".Length, characters.CountPredictedCharacters(example));
        Assert.Equal("hello".Length, characters.CountPredictedCharacters(example.AsSpan(0, 6)));
        Assert.Equal("ello\n".Length, characters.CountPredictedCharacters(example.AsSpan(1)));
    }

    [Fact]
    public void A_line_token_counts_once()
    {
        var counts = new Dictionary<string, long> { ["one"] = 2, ["two"] = 1 };
        WordTokenizer lines = WordTokenizer.Of(counts, new TokenizerSpec(TokenizerKind.SpacedWords));
        Assert.Equal(" two\none\n".Length, lines.CountPredictedCharacters(lines.Encode("one two\none\n")));
        WordTokenizer enclosed = WordTokenizer.Of(counts, new TokenizerSpec(TokenizerKind.SpacedWords), sentenceTokens: true);
        Assert.Equal("one two\n".Length, enclosed.CountPredictedCharacters([enclosed.StartId, .. enclosed.Encode("one two\n")]));
    }

    [Fact]
    public void Without_end_tokens_it_is_the_text_after_the_first_token()
    {
        ByteLevelTokenizer tokenizer = ByteLevelTokenizer.Of("gpt2");
        Assert.Equal(" world".Length, tokenizer.CountPredictedCharacters(tokenizer.Encode("Hello world")));
    }
}
