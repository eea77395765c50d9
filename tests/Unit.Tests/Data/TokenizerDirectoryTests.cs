namespace RnnLm.Tests;

public sealed class TokenizerDirectoryTests : IDisposable
{
    private const string Text = "the white whale\tsailed — “ho!” naïve 1851";

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("char")]
    [InlineData("word")]
    [InlineData("word:20")]
    [InlineData("space")]
    [InlineData("space:20")]
    [InlineData("bpe:350")]
    [InlineData("gpt2")]
    public void A_saved_tokenizer_is_the_same_after_loading(string spec)
    {
        ITokenizer tokenizer = Make(spec);
        Directory.CreateDirectory(Path.Combine(_directory.Path, "saved"));
        TokenizerDirectory.Save(tokenizer, Path.Combine(_directory.Path, "saved"));
        ITokenizer loaded = TokenizerDirectory.Load(Path.Combine(_directory.Path, "saved"));
        Assert.Equal(tokenizer.GetType(), loaded.GetType());
        Assert.Equal(
            (tokenizer.Spec, tokenizer.Hash, tokenizer.VocabularySize, tokenizer.PaddingId, tokenizer.UnknownId),
            (loaded.Spec, loaded.Hash, loaded.VocabularySize, loaded.PaddingId, loaded.UnknownId));
        Assert.Equal(tokenizer.Encode(Text), loaded.Encode(Text));
        Assert.Equal(spec, loaded.Spec);
    }

    [Fact]
    public void Tokenizers_of_other_vocabularies_have_other_hashes()
    {
        string[] specs = ["char", "word", "word:20", "space", "space:20", "bpe:350", "bpe:351", "gpt2", "cl100k", "o200k"];
        Assert.Equal(specs.Length, specs.Select(spec => Make(spec).Hash).Distinct().Count());
    }

    [Theory]
    [InlineData("char", "characters.txt")]
    [InlineData("word", "words.txt")]
    [InlineData("bpe:350", "merges.txt")]
    [InlineData("char", TokenizerDirectory.DescriptionFile)]
    public void A_damaged_or_missing_file_is_an_error_that_names_the_directory(string spec, string file)
    {
        string saved = Path.Combine(_directory.Path, "saved");
        Directory.CreateDirectory(saved);
        TokenizerDirectory.Save(Make(spec), saved);
        string path = Path.Combine(saved, file);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
        Errors.Expect(ExitCode.BadInput, () => TokenizerDirectory.Load(saved), saved);
        File.Delete(path);
        Errors.Expect(ExitCode.BadInput, () => TokenizerDirectory.Load(saved), saved);
    }

    private ITokenizer Make(string spec)
    {
        CorpusFiles files = CorpusFiles.Resolve([_directory.Write("corpus.txt", SampleText.Lines(30_000) + Text + "\n")]);
        return new TokenizerFactory(new PackageStore(Path.Combine(_directory.Path, "cache")), 1)
            .Make(TokenizerSpec.Parse(spec), files, CorpusReader.Hash(files), new CorpusSettings(ExampleMode.Sentences));
    }
}
