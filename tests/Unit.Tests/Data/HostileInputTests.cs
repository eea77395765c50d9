using System.Text;

namespace RnnLm.Tests;

/// <summary>
/// Seeded damage to everything that is read: it ends in success or in one line with a documented exit code.
/// </summary>
public sealed class HostileInputTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Cache => Path.Combine(_directory.Path, "cache");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("char", ExampleMode.Windows, null)]
    [InlineData("word:9", ExampleMode.Sentences, null)]
    [InlineData("space", ExampleMode.Windows, null)]
    [InlineData("bpe:258", ExampleMode.Sentences, "text")]
    public void Text_and_records(string spec, ExampleMode mode, string? field)
    {
        string text = field is null
            ? SampleText.Lines(2000) + "고래 바다 한국어 文 😀\n"
            : """{"id": 1, "text": "the whale the whale\n\ud83d\ude00"}""" + "\n" +
                """{"text": "고래 바다 고래 바다 \u0000", "o": {"a": [1]}}""" + "\n";
        Mutations.Of(Encoding.UTF8.GetBytes(text), cases: 150, damaged =>
            new CorpusLoader(Cache, 2).Load(
                [_directory.Write("corpus.txt", damaged)],
                new CorpusSettings(mode, JsonField: field),
                TokenizerSpec.Parse(spec)).Dispose());
    }

    [Fact]
    public void Korean_that_is_not_UTF_8_is_named_with_its_cure()
    {
        // "Hello\n고래" in CP949 (EUC-KR).
        string path = _directory.Write("korean.txt", [.. "Hello\n"u8, 0xB0, 0xED, 0xB7, 0xA1, (byte)'\n']);
        Errors.Expect(
            ExitCode.BadInput,
            () => Load(path),
            "korean.txt", "byte 0xB0 at offset 6", "iconv -f CP949 -t UTF-8");
        string latin = _directory.Write("latin.txt", [.. "caf"u8, 0xE9, (byte)' ', (byte)'a', 0xE8, (byte)'\n']);
        Errors.Expect(
            ExitCode.BadInput,
            () => Load(latin),
            "latin.txt", "byte 0xE9 at offset 3", "iconv -f LATIN1 -t UTF-8");
    }

    [Fact]
    public void Specs_of_tokenizers()
    {
        string[] specs =
            ["char", "word:100", "space:7", "bpe:8000", "llama", "llama:/x.model", "o200k", "/tmp/a.model"];
        foreach (string spec in specs)
        {
            Mutations.Of(
                Encoding.UTF8.GetBytes(spec),
                cases: 300,
                damaged => TokenizerSpec.Parse(Encoding.UTF8.GetString(damaged)),
                ExitCode.Usage);
        }
    }

    [Theory]
    [InlineData("char")]
    [InlineData("word:20")]
    [InlineData("space")]
    [InlineData("bpe:300")]
    [InlineData("gpt2")]
    [InlineData("model")]
    public void Tokenizer_directories(string spec)
    {
        ITokenizer tokenizer = spec == "model"
            ? SentencePieceTokenizer.Of(
                File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Fixtures", "defined.model")),
                "defined.model")
            : Make(spec);
        string saved = Directory.CreateDirectory(Path.Combine(_directory.Path, "saved")).FullName;
        foreach ((string name, byte[] content) in TokenizerDirectory.Files(tokenizer))
        {
            TokenizerDirectory.Save(tokenizer, saved);
            Mutations.Of(content, cases: 60, damaged =>
            {
                File.WriteAllBytes(Path.Combine(saved, name), damaged);
                TokenizerDirectory.Load(saved).Decode(tokenizer.Encode("the"));
            });
        }
    }

    [Fact]
    public void Token_files_and_their_cache()
    {
        string path = _directory.Write("corpus.txt", SampleText.Lines(3000));
        long expected;
        string file;
        using (Corpus corpus = Load(path))
        {
            (expected, file) = (corpus.Tokens.TokenCount, corpus.Tokens.Path);
        }

        byte[] valid = File.ReadAllBytes(file);
        Mutations.Of(valid, cases: 150, damaged =>
        {
            File.WriteAllBytes(file, damaged);
            using Corpus again = Load(path);
            Assert.Equal(expected, again.Tokens.TokenCount);
        });

        // Damage to the header alone, which holds the sizes.
        Mutations.Of(valid[..128], cases: 300, header =>
        {
            File.WriteAllBytes(file, [.. header, .. valid.AsSpan(128)]);
            using Corpus again = Load(path);
            Assert.Equal(expected, again.Tokens.TokenCount);
        });
    }

    [NpmFact]
    public void Cached_packages()
    {
        PackageStore real = NpmPackages.Store;
        byte[] script = File.ReadAllBytes(
            Path.Combine(real.DirectoryOf(NpmPackage.LlamaTokenizer), "llama-tokenizer.js"));
        var store = new PackageStore(Cache, "/nonexistent/npm");
        string copy = Directory.CreateDirectory(store.DirectoryOf(NpmPackage.LlamaTokenizer)).FullName;
        Mutations.Of(
            script,
            cases: 12,
            damaged =>
            {
                File.WriteAllBytes(Path.Combine(copy, "llama-tokenizer.js"), damaged);
                new TokenizerFactory(store, 1).Fixed(TokenizerSpec.Parse("llama")).Encode("the whale");
            },
            ExitCode.Storage,
            ExitCode.BadInput);
    }

    [Fact]
    public void Patterns_of_files()
    {
        _directory.Write("texts/a.txt", "a");
        Mutations.Of(
            Encoding.UTF8.GetBytes(Path.Combine(_directory.Path, "te?ts", "**", "*.txt")),
            cases: 400,
            damaged => CorpusFiles.Resolve([Encoding.UTF8.GetString(damaged)]));
    }

    private ITokenizer Make(string spec)
    {
        CorpusFiles files = CorpusFiles.Resolve([_directory.Write("corpus.txt", SampleText.Lines(30_000))]);
        return new TokenizerFactory(new PackageStore(Cache), 1)
            .Make(
                TokenizerSpec.Parse(spec),
                files,
                CorpusReader.Hash(files),
                new CorpusSettings(ExampleMode.Sentences));
    }

    private Corpus Load(string path) =>
        new CorpusLoader(Cache, 1).Load([path], new CorpusSettings(ExampleMode.Sentences), TokenizerSpec.Parse("char"));
}
