namespace RnnLm.Tests;

public class TokenizerSpecTests
{
    [Theory]
    [InlineData("char", TokenizerKind.Characters, null, null, "char")]
    [InlineData("word", TokenizerKind.Words, null, null, "word")]
    [InlineData("word:10000", TokenizerKind.Words, 10000, null, "word:10000")]
    [InlineData("bpe:8000", TokenizerKind.BytePairs, 8000, null, "bpe:8000")]
    [InlineData("llama", TokenizerKind.Llama, null, null, "llama")]
    [InlineData("llama:/m/tokenizer.model", TokenizerKind.Llama, null, "/m/tokenizer.model", "llama")]
    [InlineData("/m/my.model", TokenizerKind.Model, null, "/m/my.model", "my.model")]
    public void Every_form_is_read(string text, TokenizerKind kind, int? size, string? path, string shown)
    {
        TokenizerSpec spec = TokenizerSpec.Parse(text);
        Assert.Equal(new TokenizerSpec(kind, size, path), spec);
        Assert.Equal(shown, spec.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("bpe")]
    [InlineData("bpe:0")]
    [InlineData("bpe:-5")]
    [InlineData("bpe:8k")]
    [InlineData("word:99999999999")]
    [InlineData("llama:")]
    [InlineData("char:3")]
    [InlineData("gpt2")]
    public void Anything_else_is_a_usage_error_that_shows_it(string text) =>
        Errors.Expect(ExitCode.Usage, () => TokenizerSpec.Parse(text), $"--tokenizer {text}:");
}
