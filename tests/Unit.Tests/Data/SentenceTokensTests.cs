using System.Security.Cryptography;
using System.Text;

namespace RnnLm.Tests;

public sealed class SentenceTokensTests : IDisposable
{
    private static readonly CorpusSettings Enclosed = new(ExampleMode.Sentences, SentenceTokens: true);

    private readonly TemporaryDirectory _directory = new();

    private string Cache => Path.Combine(_directory.Path, "cache");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Characters_keep_their_ids_and_the_two_tokens_come_after_them()
    {
        CharTokenizer tokenizer = CharTokenizer.Of("hello".EnumerateRunes(), sentenceTokens: true);
        Assert.Equal((6, 4, 5), (tokenizer.VocabularySize, tokenizer.StartId, tokenizer.EndId));
        Assert.Equal([1, 0, 2, 2, 3], tokenizer.Encode("hello"));
        Assert.Equal("hello", tokenizer.Decode([4, 1, 0, 2, 2, 3, 5]));
        Errors.Expect(ExitCode.BadInput, () => tokenizer.Encode("hallo"), "U+0061", "not among the 4 ");
    }

    [Fact]
    public void Of_words_they_follow_padding_and_unknown()
    {
        var counts = new Dictionary<string, long> { ["sea"] = 1, ["the"] = 2, ["rare"] = 1 };
        WordTokenizer tokenizer = WordTokenizer.Of(
            counts, new TokenizerSpec(TokenizerKind.Words, 2), sentenceTokens: true);
        Assert.Equal(
            (0, 1, 2, 3, 6),
            (tokenizer.PaddingId, tokenizer.UnknownId, tokenizer.StartId, tokenizer.EndId, tokenizer.VocabularySize));
        Assert.Equal([4, 5, 1], tokenizer.Encode("the rare sea"));
        Assert.Equal("the <unk>", tokenizer.Decode([2, 4, 1, 3]));
        Assert.DoesNotContain(tokenizer.Encode("<s> </s>"), id => id is 2 or 3);
    }

    [Fact]
    public void Of_words_between_white_space_the_end_is_the_end_of_a_line()
    {
        var counts = new Dictionary<string, long> { ["sea"] = 1, ["the"] = 2 };
        WordTokenizer tokenizer = WordTokenizer.Of(
            counts, new TokenizerSpec(TokenizerKind.SpacedWords), sentenceTokens: true);
        Assert.Equal((2, 3, 6), (tokenizer.StartId, tokenizer.EndId, tokenizer.VocabularySize));
        Assert.Equal([4, 5, 3], tokenizer.Encode("the sea\n"));
    }

    [Theory]
    [InlineData("char", "char\n -.1")]
    [InlineData("word", "word\n1\n.\n-")]
    public void Without_them_hashes_are_what_they_were_and_with_them_others(string spec, string hashed)
    {
        string path = _directory.Write("corpus.txt", "1 1 1 . .\n-\n");
        ITokenizer Load(CorpusSettings settings)
        {
            using Corpus corpus = new CorpusLoader(Cache, 1).Load([path], settings, TokenizerSpec.Parse(spec));
            return corpus.Tokenizer;
        }

        ITokenizer plain = Load(Enclosed with { SentenceTokens = false });
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(hashed))), plain.Hash);
        Assert.Equal((-1, -1), (plain.StartId, plain.EndId));
        ITokenizer enclosing = Load(Enclosed);
        Assert.NotEqual(plain.Hash, enclosing.Hash);
        Assert.Equal(plain.VocabularySize + 2, enclosing.VocabularySize);
    }

    [Theory]
    [InlineData("char")]
    [InlineData("word:20")]
    [InlineData("space:20")]
    [InlineData("bpe:350")]
    public void A_saved_tokenizer_has_them_after_loading(string spec)
    {
        ITokenizer tokenizer = Make(spec, Enclosed);
        string saved = Path.Combine(_directory.Path, "saved");
        Directory.CreateDirectory(saved);
        TokenizerDirectory.Save(tokenizer, saved);
        ITokenizer loaded = TokenizerDirectory.Load(saved);
        Assert.True(loaded is { StartId: > 0, EndId: > 0 });
        Assert.Equal(
            (tokenizer.Hash, tokenizer.StartId, tokenizer.EndId, tokenizer.VocabularySize),
            (loaded.Hash, loaded.StartId, loaded.EndId, loaded.VocabularySize));
    }

    [Fact]
    public void A_tokenizer_saved_before_they_existed_has_none()
    {
        string saved = Path.Combine(_directory.Path, "old");
        CharTokenizer tokenizer = CharTokenizer.Of("ab".EnumerateRunes());
        _directory.Write("old/characters.txt", "ab");
        _directory.Write(
            "old/tokenizer.json",
            """{"kind": "char", "spec": "char", "vocabulary_size": 2, "padding_id": -1""" +
            $$""", "hash": "{{tokenizer.Hash}}"}""");
        Assert.Equal((-1, -1), (TokenizerDirectory.Load(saved).StartId, TokenizerDirectory.Load(saved).EndId));
    }

    [Theory]
    [InlineData("char")]
    [InlineData("word")]
    [InlineData("bpe:300")]
    public void Each_sentence_is_enclosed_and_a_cut_one_loses_its_end(string spec)
    {
        const string text = "one two three four\nsea\n\n  five six  \n";
        string path = _directory.Write("corpus.txt", text + SampleText.Lines(20_000));
        using Corpus corpus = new CorpusLoader(Cache, 2).Load([path], Enclosed, TokenizerSpec.Parse(spec));
        ITokenizer tokenizer = corpus.Tokenizer;
        string[] sentences = ["one two three four", "sea", "five six"];
        ExampleSet whole = CorpusExamples.ForEvaluation(corpus.Tokens, Plan(context: 1000));
        ExampleSet cut = CorpusExamples.ForEvaluation(corpus.Tokens, Plan(context: 3));
        for (int i = 0; i < sentences.Length; i++)
        {
            int[] expected = [tokenizer.StartId, .. tokenizer.Encode(sentences[i]), tokenizer.EndId];
            Assert.Equal(expected, whole.Pack([i]).Example(0).ToArray());
            Assert.Equal(expected.Take(3), cut.Pack([i]).Example(0).ToArray());
        }
    }

    [Fact]
    public void A_line_without_tokens_is_no_sentence()
    {
        string path = _directory.Write("corpus.txt", "one two\n\u00A0\nthree\n");
        using Corpus corpus = new CorpusLoader(Cache, 1).Load([path], Enclosed, TokenizerSpec.Parse("word"));
        Assert.Equal((2, 7), (corpus.Tokens.SentenceCount, corpus.Tokens.TokenCount));
    }

    [Fact]
    public void A_model_without_them_is_refused_only_when_they_are_asked_for()
    {
        List<Piece> pieces = [new("<unk>", 0, PieceKind.Unknown)];
        pieces.AddRange(Enumerable.Range(0, 256).Select(value => new Piece($"<0x{value:X2}>", 0, PieceKind.Byte)));
        string model = _directory.Write("bare.model", new SentencePieceModel(pieces).Write());
        string path = _directory.Write("corpus.txt", "one two\n");
        var loader = new CorpusLoader(Cache, 1);
        Errors.Expect(
            ExitCode.BadInput,
            () => loader.Load([path], Enclosed, TokenizerSpec.Parse(model)),
            "bare.model", "--sentence-tokens", "bos_id");
        using Corpus corpus = loader.Load([path], Enclosed with { SentenceTokens = false }, TokenizerSpec.Parse(model));
        Assert.Equal((-1, -1), (corpus.Tokenizer.StartId, corpus.Tokenizer.EndId));
    }

    [Fact]
    public void Windows_have_no_sentences_to_enclose() =>
        Errors.Expect(
            ExitCode.Usage,
            () => new CorpusLoader(_directory.Path, 1)
                .Load(["corpus.txt"], Enclosed with { Mode = ExampleMode.Windows }, TokenizerSpec.Parse("char")),
            "--sentence-tokens",
            "--examples sentences");

    private static PlanSettings Plan(int context) =>
        new(ExampleMode.Sentences, context, BatchSize: 1, Shards: 1, HeldOutPerMille: 0, Seed: 1);

    private ITokenizer Make(string spec, CorpusSettings settings)
    {
        CorpusFiles files = CorpusFiles.Resolve([_directory.Write("corpus.txt", SampleText.Lines(30_000))]);
        return new TokenizerFactory(new PackageStore(Cache), 1)
            .Make(TokenizerSpec.Parse(spec), files, CorpusReader.Hash(files), settings);
    }
}
