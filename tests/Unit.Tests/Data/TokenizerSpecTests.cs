namespace RnnLm.Tests;

public class TokenizerSpecTests
{
    [Theory]
    [InlineData("char", TokenizerKind.Characters, null, null, "char")]
    [InlineData("word", TokenizerKind.Words, null, null, "word")]
    [InlineData("word:10000", TokenizerKind.Words, 10000, null, "word:10000")]
    [InlineData("space", TokenizerKind.SpacedWords, null, null, "space")]
    [InlineData("space:10000", TokenizerKind.SpacedWords, 10000, null, "space:10000")]
    [InlineData("gpt2", TokenizerKind.Published, null, "gpt2", "gpt2")]
    [InlineData("cl100k", TokenizerKind.Published, null, "cl100k", "cl100k")]
    [InlineData("o200k", TokenizerKind.Published, null, "o200k", "o200k")]
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
    [InlineData("gpt2:5")]
    [InlineData("r50k_base")]
    [InlineData("space:")]
    [InlineData("word:")]
    [InlineData("bpe:255")]
    [InlineData(" char")]
    public void Anything_else_is_a_usage_error_that_shows_it(string text) =>
        Errors.Expect(ExitCode.Usage, () => TokenizerSpec.Parse(text), $"--tokenizer {text}:");
}
