using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace RnnLm.Tests;

public sealed class ByteLevelTokenizerTests : IDisposable
{
    private const string Text = "the white whale \u2581 sailed\n into  the wind\n\n선장은 하얀 고래를  보았다. 안녕하세요!\r\n";

    private static readonly ByteLevelTokenizer Trained = Train("bpe:380", SampleText.Lines(100_000));

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Any_text_comes_back() =>
        Property.Holds(Property.Text, text => Assert.Equal(text, Trained.Decode(Trained.Encode(text))), cases: 1000);

    [Theory]
    [InlineData("gpt2")]
    [InlineData("cl100k")]
    [InlineData("o200k")]
    public void Any_text_comes_back_from_published_vocabularies(string name)
    {
        ByteLevelTokenizer tokenizer = ByteLevelTokenizer.Of(name);
        Property.Holds(Property.Text, text => Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text))), cases: 300);
        Assert.Equal(Text, tokenizer.Decode(tokenizer.Encode(Text)));
    }

    // Ids that OpenAI's tiktoken gives.
    [Theory]
    [InlineData("gpt2", 50_257, 50_256, "Hello world", 15496, 995)]
    [InlineData("cl100k", 100_277, 100_257, "hello world", 15339, 1917)]
    [InlineData("o200k", 200_019, 199_999, "hello world", 24912, 2375)]
    public void Published_vocabularies_have_their_ids(
        string name, int size, int endOfText, string text, params int[] ids)
    {
        ByteLevelTokenizer tokenizer = ByteLevelTokenizer.Of(name);
        Assert.Equal((size, endOfText, endOfText), (tokenizer.VocabularySize, tokenizer.StartId, tokenizer.EndId));
        Assert.Equal(ids, tokenizer.Encode(text));
        Assert.Equal(name, tokenizer.Spec);
    }

    [Fact]
    public void Text_that_spells_a_special_token_is_text()
    {
        string[] names = ["gpt2", "cl100k", "o200k"];
        foreach (ByteLevelTokenizer tokenizer in names.Select(ByteLevelTokenizer.Of))
        {
            const string text = "<|endoftext|> a <|endoftext|><|endofprompt|>";
            int[] ids = tokenizer.Encode(text);
            Assert.DoesNotContain(ids, id => id >= tokenizer.EndId);
            Assert.Equal(text, tokenizer.Decode(ids));
            Assert.Equal("a", tokenizer.Decode([tokenizer.StartId, .. tokenizer.Encode("a"), tokenizer.EndId]));
        }
    }

    [Fact]
    public void Every_id_of_a_vocabulary_decodes()
    {
        foreach (ByteLevelTokenizer tokenizer in (ByteLevelTokenizer[])[Trained, ByteLevelTokenizer.Of("o200k")])
        {
            int[] ids = [.. Enumerable.Range(0, tokenizer.VocabularySize)];
            Assert.NotEmpty(tokenizer.Decode(ids));
            Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([5, tokenizer.VocabularySize]));
            Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([-1]));
        }
    }

    [Fact]
    public void Lines_encode_alone_as_they_do_in_the_whole_text()
    {
        var byLine = new ArrayBufferWriter<int>();
        foreach (string line in Text.Split('\n').Select(line => line + "\n").SkipLast(1))
        {
            Trained.Encode(Encoding.UTF8.GetBytes(line), startsText: byLine.WrittenCount == 0, byLine);
        }

        Assert.Equal(Trained.Encode(Text), byLine.WrittenSpan.ToArray());
    }

    [Fact]
    public void Text_that_goes_on_comes_back_with_its_beginning() =>
        Property.Holds(
            Property.Text,
            text =>
            {
                var ids = new ArrayBufferWriter<int>();
                Trained.Encode("하얀 고래 "u8, startsText: true, ids);
                Trained.Encode(Encoding.UTF8.GetBytes(text), startsText: false, ids);
                Assert.Equal("하얀 고래 " + text, Trained.Decode(ids.WrittenSpan));
            });

    [Fact]
    public void Many_threads_get_the_same_ids()
    {
        string[] lines = SampleText.Lines(200_000, seed: 4).Split('\n');
        int[][] expected = [.. lines.Select(line => Trained.Encode(line))];
        int[][] found = new int[lines.Length][];
        ByteLevelTokenizer fresh = Train("bpe:380", SampleText.Lines(100_000));
        var options = new ParallelOptions { MaxDegreeOfParallelism = 8 };
        Parallel.For(0, lines.Length, options, i => found[i] = fresh.Encode(lines[i]));
        Assert.Equal(expected, found);
    }

    [Fact]
    public void Merges_are_those_that_paper_and_pencil_give()
    {
        // The example of Sennrich, Haddow and Birch (2016). e+s and s+t both occur 9 times, and e comes first; then
        // es+t 9, l+o 7, lo+w 7; e+w, n+e and w+est 6 times each, of which e+w is first; new from n+ew 6, new+est 6.
        var counts = new Dictionary<string, long> { ["low"] = 5, ["lower"] = 2, ["newest"] = 6, ["widest"] = 3 };
        Assert.Equal(
            [('e', 's'), (256, 't'), ('l', 'o'), (258, 'w'), ('e', 'w'), ('n', 260), (261, 257)],
            BytePairTraining.Merges(counts, 7));
    }

    [Fact]
    public void Merges_are_those_of_counting_anew_each_time()
    {
        Property.Holds(
            FsCheck.Fluent.Gen.ListOf(FsCheck.Fluent.Gen.Elements(
                "a", "aa", "aaa", "aaaa", "aab", "abab", "ba", "cab", "가나가나", "aaaaaaa")),
            words =>
            {
                Dictionary<string, long> counts = words
                    .GroupBy(word => word)
                    .ToDictionary(group => group.Key, group => (long)group.Count());
                Assert.Equal(CountingAnew(counts, 12), BytePairTraining.Merges(counts, 12));
            });
        var prose = new Dictionary<string, long>();
        BytePairTraining.Count(Encoding.UTF8.GetBytes(SampleText.Lines(20_000)), prose);
        Assert.Equal(CountingAnew(prose, 60), BytePairTraining.Merges(prose, 60));
    }

    [Fact]
    public void The_vocabulary_does_not_depend_on_threads_or_blocks()
    {
        string path = _directory.Write(
            "corpus.txt", string.Concat(Enumerable.Range(0, 12).Select(seed => SampleText.Lines(300_000, seed))));
        string[] hashes = [.. new[] { 1, 2, 7 }.Select(threads =>
            Make(Path.Combine(_directory.Path, $"cache{threads}"), path, "bpe:300", threads, sentenceTokens: false)
                .Hash)];
        Assert.Single(hashes.Distinct());
    }

    [Fact]
    public void The_library_reads_the_files_and_gives_the_same_ids()
    {
        TokenizerDirectory.Save(Trained, _directory.Path);
        var options = new BpeOptions(
            Path.Combine(_directory.Path, "vocab.json"), Path.Combine(_directory.Path, "merges.txt"))
        {
            ByteLevel = true,
            PreTokenizer = RobertaPreTokenizer.Instance,
        };
        var library = BpeTokenizer.Create(options);
        foreach (string line in (string[])[.. SampleText.Lines(20_000, seed: 8).Split('\n'), Text, "### ## #"])
        {
            Assert.Equal(library.EncodeToIds(line), Trained.Encode(line));
        }
    }

    [Fact]
    public void A_start_and_an_end_token_have_the_last_ids_and_text_never_has_them()
    {
        ITokenizer tokenizer = Make(
            Path.Combine(_directory.Path, "cache"),
            _directory.Write("c.txt", SampleText.Lines(30_000) + "<s> </s> <s>\n"),
            "bpe:300",
            1,
            true);
        Assert.Equal(
            (300, -1, 298, 299),
            (tokenizer.VocabularySize, tokenizer.PaddingId, tokenizer.StartId, tokenizer.EndId));
        int[] text = tokenizer.Encode("the <s> whale </s>");
        Assert.DoesNotContain(text, id => id >= 298);
        Assert.Equal("the <s> whale </s>", tokenizer.Decode([298, .. text, 299]));
    }

    [Fact]
    public void A_size_that_the_corpus_cannot_give_is_named_with_one_that_it_can()
    {
        // "some", " some" and " text" twice over: s+o, so+m, som+e, Ġ+some, then t+e, te+x, tex+t, Ġ+text: 8 merges.
        Errors.Expect(
            ExitCode.BadInput,
            () => Train("bpe:5000", "some some some text text\n"),
            "bpe:5000", "only 264", "use bpe:264");
        Assert.Equal(264, Train("bpe:264", "some some some text text\n").VocabularySize);
        ByteLevelTokenizer bytes = Train("bpe:256", "a\n");
        Assert.Equal([0xEA, 0xB3, 0xA0], bytes.Encode("고"));
        Errors.Expect(ExitCode.Usage, () => TokenizerSpec.Parse("bpe:255"), "bpe:255", "from 256");
        Errors.Expect(
            ExitCode.BadInput,
            () => Make(
                Path.Combine(_directory.Path, "cache"), _directory.Write("c.txt", "ab ab\n"), "bpe:256", 1, true),
            "bpe:256", "use bpe:258");
    }

    private static ByteLevelTokenizer Train(string spec, string text)
    {
        using var directory = new TemporaryDirectory();
        return (ByteLevelTokenizer)Make(
            directory.Path, directory.Write("text.txt", text), spec, 1, sentenceTokens: false);
    }

    private static ITokenizer Make(string cache, string path, string spec, int threads, bool sentenceTokens)
    {
        CorpusFiles files = CorpusFiles.Resolve([path]);
        return new TokenizerFactory(new PackageStore(cache), threads).Make(
            TokenizerSpec.Parse(spec),
            files,
            CorpusReader.Hash(files),
            new CorpusSettings(ExampleMode.Sentences, SentenceTokens: sentenceTokens));
    }

    /// <summary>The same rule, slowly: all pairs of all words are counted again for each merge.</summary>
    private static List<(int Left, int Right)> CountingAnew(Dictionary<string, long> counts, int most)
    {
        List<(List<int> Symbols, long Count)> words =
            [.. counts.Select(entry =>
                (Encoding.UTF8.GetBytes(entry.Key).Select(value => (int)value).ToList(), entry.Value))];
        var merges = new List<(int Left, int Right)>();
        while (merges.Count < most)
        {
            var pairs = new Dictionary<(int Left, int Right), long>();
            foreach ((List<int> symbols, long count) in words)
            {
                for (int i = 0; i + 1 < symbols.Count; i++)
                {
                    pairs[(symbols[i], symbols[i + 1])] = pairs.GetValueOrDefault((symbols[i], symbols[i + 1])) + count;
                }
            }

            ((int Left, int Right) best, long most1) = pairs
                .OrderByDescending(pair => pair.Value)
                .ThenBy(pair => pair.Key)
                .FirstOrDefault();
            if (most1 < 2)
            {
                break;
            }

            foreach ((List<int> symbols, _) in words)
            {
                for (int i = 0; i + 1 < symbols.Count; i++)
                {
                    if ((symbols[i], symbols[i + 1]) == best)
                    {
                        symbols[i] = 256 + merges.Count;
                        symbols.RemoveAt(i + 1);
                    }
                }
            }

            merges.Add(best);
        }

        return merges;
    }
}
