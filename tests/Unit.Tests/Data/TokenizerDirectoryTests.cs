using System.Security.Cryptography;

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
        string[] specs =
            ["char", "word", "word:20", "space", "space:20", "bpe:350", "bpe:351", "gpt2", "cl100k", "o200k"];
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

    [LinuxFact]
    public void What_cannot_be_read_now_may_be_later()
    {
        string saved = Path.Combine(_directory.Path, "saved");
        Directory.CreateDirectory(saved);
        TokenizerDirectory.Save(Make("char"), saved);
        string file = Path.Combine(saved, TokenizerDirectory.DescriptionFile);
        File.Delete(file);
        File.CreateSymbolicLink(file, "/proc/self/mem");
        Errors.Expect(ExitCode.Storage, () => TokenizerDirectory.Load(saved), saved);
    }

    [Fact]
    public void A_directory_of_a_run_whose_bpe_was_a_SentencePiece_model_still_loads()
    {
        byte[] model = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Fixtures", "pieces.model"));
        string hash = Convert.ToHexStringLower(SHA256.HashData([.. "sentencepiece\n\n-1\n"u8, .. model]));
        _directory.Write("old/tokenizer.model", model);
        _directory.Write(
            "old/tokenizer.json",
            $$"""
            {"kind": "sentencepiece", "spec": "bpe:420", "vocabulary_size": 420, "padding_id": -1, "hash": "{{hash}}",
             "start_id": 1, "end_id": 2}
            """);
        ITokenizer loaded = TokenizerDirectory.Load(Path.Combine(_directory.Path, "old"));
        Assert.Equal(
            ("bpe:420", hash, 420, 1, 2),
            (loaded.Spec, loaded.Hash, loaded.VocabularySize, loaded.StartId, loaded.EndId));

        // Ids of SentencePiece 0.1.97, which made the run's token file.
        Assert.Equal([285, 346, 280, 329, 295, 285, 318, 390], loaded.Encode("the white whale sailed into the wind."));
    }

    private ITokenizer Make(string spec)
    {
        string path = _directory.Write("corpus.txt", SampleText.Lines(30_000) + Text + "\n");
        CorpusFiles files = CorpusFiles.Resolve([path]);
        return new TokenizerFactory(new PackageStore(Path.Combine(_directory.Path, "cache")), 1)
            .Make(
                TokenizerSpec.Parse(spec),
                files,
                CorpusReader.Hash(files),
                new CorpusSettings(ExampleMode.Sentences));
    }
}
