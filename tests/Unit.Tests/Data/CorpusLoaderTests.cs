namespace RnnLm.Tests;

public sealed class CorpusLoaderTests : IDisposable
{
    private static readonly CorpusSettings Windows = new(ExampleMode.Windows);
    private static readonly CorpusSettings Sentences = new(ExampleMode.Sentences);

    private readonly TemporaryDirectory _directory = new();

    private string Cache => Path.Combine(_directory.Path, "cache");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("char")]
    [InlineData("bpe:380")]
    public void Windows_keep_all_text_of_all_files(string spec)
    {
        string[] texts =
        [
            SampleText.Lines(2_500_000),
            "no line end",
            "\r\n\r\n",
            SampleText.Lines(1_500_000, seed: 2).Replace('\n', ' '),
        ];
        string[] paths = [.. texts.Select((text, i) => _directory.Write($"{i}.txt", text))];
        using Corpus corpus = new CorpusLoader(Cache, 2).Load(paths, Windows, TokenizerSpec.Parse(spec));
        Assert.Equal(string.Concat(texts), corpus.Tokenizer.Decode(Ids(corpus.Tokens)));
    }

    [Theory]
    [InlineData("char", ExampleMode.Windows)]
    [InlineData("bpe:380", ExampleMode.Sentences)]
    [InlineData("word:20", ExampleMode.Sentences)]
    public void The_bytes_of_a_token_file_do_not_depend_on_threads(string spec, ExampleMode mode)
    {
        string path = _directory.Write("corpus.txt", SampleText.Lines(3_500_000));
        byte[][] files = [.. new[] { 1, 2, 4 }.Select(threads =>
        {
            using Corpus corpus = new CorpusLoader(Path.Combine(Cache, $"{threads}"), threads)
                .Load([path], new CorpusSettings(mode), TokenizerSpec.Parse(spec));
            return File.ReadAllBytes(corpus.Tokens.Path);
        })];
        Assert.Equal(files[0], files[1]);
        Assert.Equal(files[0], files[2]);
    }

    [Fact]
    public void Each_line_is_a_sentence_and_those_of_one_token_are_dropped()
    {
        string path = _directory.Write("corpus.txt", "one two three\nfour\n\n  five six  \n7\neight nine");
        using Corpus corpus = new CorpusLoader(Cache, 1).Load([path], Sentences, TokenizerSpec.Parse("word"));
        string[] sentences = [.. Enumerable.Range(0, (int)corpus.Tokens.SentenceCount).Select(i =>
            corpus.Tokenizer.Decode(Sentence(corpus.Tokens, i)))];
        Assert.Equal(["one two three", "five six", "eight nine"], sentences);
        Assert.Equal(7, corpus.Tokens.TokenCount);
    }

    [Fact]
    public void Vocabularies_beyond_two_bytes_keep_their_ids()
    {
        string path = _directory.Write("corpus.txt", SampleText.DistinctWords(70_000));
        using Corpus corpus = new CorpusLoader(Cache, 2).Load([path], Windows, TokenizerSpec.Parse("word"));
        Assert.Equal(70_002, corpus.Tokens.VocabularySize);
        Assert.Equal(Enumerable.Range(2, 70_000), Ids(corpus.Tokens).Order());
    }

    [Fact]
    public void A_second_load_encodes_nothing()
    {
        string path = _directory.Write("corpus.txt", SampleText.Lines(50_000));
        var phases = new List<(string Doing, double Share)>();
        var loader = new CorpusLoader(new PackageStore(Cache), 2, (doing, share) => phases.Add((doing, share)), "it");
        using (Corpus first = loader.Load([path], Sentences, TokenizerSpec.Parse("bpe:380")))
        {
            Assert.Equal(
                ["reading it", "making the vocabulary from it", "encoding it"],
                phases.Select(phase => phase.Doing).Distinct());
            Assert.All(phases, phase => Assert.Equal(1, phase.Share));
        }

        phases.Clear();
        string moved = _directory.Write("moved.txt", File.ReadAllBytes(path));
        using Corpus second = loader.Load([moved], Sentences, TokenizerSpec.Parse("bpe:380"));
        Assert.Equal(["reading it"], phases.Select(phase => phase.Doing).Distinct());
        using Corpus folded = loader.Load([path], Sentences with { FoldDigits = true }, second.Tokenizer);
        Assert.NotEqual(second.Tokens.Path, folded.Tokens.Path);
    }

    [Fact]
    public void A_damaged_token_file_is_made_again()
    {
        string path = _directory.Write("corpus.txt", SampleText.Lines(50_000));
        byte[] Load()
        {
            using Corpus corpus = new CorpusLoader(Cache, 2).Load([path], Sentences, TokenizerSpec.Parse("char"));
            return File.ReadAllBytes(corpus.Tokens.Path);
        }

        byte[] good = Load();
        string file = Assert.Single(Directory.GetFiles(Path.Combine(Cache, "tokens")));
        byte[] flipped = [.. good];
        flipped[good.Length / 2] ^= 1;
        byte[] longer = [.. good];
        longer[24] += 1;
        byte[] otherKey = [.. good];
        otherKey[40] ^= 1;
        foreach (byte[] damaged in (byte[][])[flipped, good[..^1], good[..50], [], longer, otherKey, [.. good, 0]])
        {
            File.WriteAllBytes(file, damaged);
            Assert.Equal(good, Load());
        }

        Assert.Equal([file], Directory.GetFiles(Path.Combine(Cache, "tokens")));
    }

    [Fact]
    public void A_damaged_cached_vocabulary_is_made_again()
    {
        string path = _directory.Write("corpus.txt", SampleText.Lines(50_000));
        using Corpus first = new CorpusLoader(Cache, 1).Load([path], Sentences, TokenizerSpec.Parse("char"));
        string saved = Assert.Single(Directory.GetDirectories(Path.Combine(Cache, "tokenizers")));
        File.WriteAllText(Path.Combine(saved, "characters.txt"), "abc");
        using Corpus second = new CorpusLoader(Cache, 1).Load([path], Sentences, TokenizerSpec.Parse("char"));
        Assert.Equal(first.Tokenizer.Hash, second.Tokenizer.Hash);
    }

    [Fact]
    public void Several_loads_at_once_agree_and_leave_nothing_behind()
    {
        string path = _directory.Write("corpus.txt", SampleText.Lines(1_500_000));
        var ids = new int[4][];
        Parallel.For(0, ids.Length, i =>
        {
            using Corpus corpus = new CorpusLoader(Cache, 2).Load([path], Windows, TokenizerSpec.Parse("bpe:380"));
            ids[i] = Ids(corpus.Tokens);
        });
        Assert.All(ids, found => Assert.Equal(ids[0], found));
        Assert.Single(Directory.GetFileSystemEntries(Path.Combine(Cache, "tokens")));
        Assert.Single(Directory.GetFileSystemEntries(Path.Combine(Cache, "tokenizers")));
    }

    [Fact]
    public void A_corpus_that_changes_while_it_is_read_is_refused_and_nothing_is_cached()
    {
        string path = _directory.Write("corpus.txt", "first text\n");
        CorpusFiles files = CorpusFiles.Resolve([path]);
        string contentHash = CorpusReader.Hash(files);
        ITokenizer tokenizer = new TokenizerFactory(new PackageStore(Cache), 1)
            .Make(TokenizerSpec.Parse("char"), files, contentHash, Windows);
        File.WriteAllText(path, "first test\n");
        Errors.Expect(
            ExitCode.BadInput,
            () => new TokenFileCache(Cache).Get(files, contentHash, Windows, tokenizer, 2),
            "corpus.txt", "changed");
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(Cache, "tokens")));
    }

    [Fact]
    public void A_character_that_the_tokenizer_lacks_ends_the_load_and_nothing_is_cached()
    {
        using Corpus corpus = new CorpusLoader(Cache, 2)
            .Load([_directory.Write("a.txt", "hello\n")], Windows, TokenizerSpec.Parse("char"));
        string other = _directory.Write("b.txt", "hello you\n");
        Errors.Expect(
            ExitCode.BadInput,
            () => new CorpusLoader(Cache, 2).Load([other], Windows, corpus.Tokenizer),
            "b.txt, line 1:", "' '", "U+0020");
        Assert.Single(Directory.GetFileSystemEntries(Path.Combine(Cache, "tokens")));
    }

    [Fact]
    public void A_cache_directory_that_cannot_be_written_is_named()
    {
        string blocked = _directory.Write("blocked", "a file, not a folder");
        string path = _directory.Write("a.txt", "hello\n");
        Errors.Expect(
            ExitCode.Storage,
            () => new CorpusLoader(blocked, 1).Load([path], Windows, TokenizerSpec.Parse("char")),
            blocked, "RNNLM_CACHE");
    }

    private static int[] Ids(TokenFile tokens)
    {
        int[] ids = new int[tokens.TokenCount];
        tokens.Read(0, ids);
        return ids;
    }

    private static int[] Sentence(TokenFile tokens, long index)
    {
        (long start, long length) = tokens.Sentence(index);
        int[] ids = new int[length];
        tokens.Read(start, ids);
        return ids;
    }
}
