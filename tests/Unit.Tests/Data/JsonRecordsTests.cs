using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RnnLm.Tests;

public sealed class JsonRecordsTests : IDisposable
{
    private static readonly CorpusSettings Sentences = new(ExampleMode.Sentences, JsonField: "text");
    private static readonly CorpusSettings Windows = new(ExampleMode.Windows, JsonField: "text");

    private readonly TemporaryDirectory _directory = new();

    private string Cache => Path.Combine(_directory.Path, "cache");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Each_record_is_one_sentence_and_empty_lines_and_texts_are_skipped()
    {
        const string file = """
            {"id": 1, "text": "first sentence", "meta": {"text": "not this"}}

               {"text":"  caf\u00e9 \"\ud83d\ude00\" \\n ","more":["text"]}
            {"text": ""}
            {"text": "one\r\ntwo\nthree\rfour\n\nfive\n"}
            {"text": "a name given twice", "text": "the last counts"}
            {"te\u0078t": "a name with an escape"}
            """;
        Assert.Equal(
            [
                "first sentence",
                "café \"😀\" \\n",
                "one two three four  five",
                "the last counts",
                "a name with an escape",
            ],
            Segments(file, Sentences));
        Assert.Equal(Segments(file, Sentences), Segments(file.Replace("\n", "\r\n"), Sentences));
    }

    [Fact]
    public void Windows_run_over_the_texts_with_a_line_break_after_each()
    {
        // What jq -r .text prints for the same file.
        const string printed = "one\ntwo\n\nthree \n\nfour\n";
        const string file = """
            {"text": "one\ntwo\n"}

            {"text": "three "}
            {"text": ""}
            {"text": "four"}
            """;
        Assert.Equal(printed, string.Concat(Segments(file, Windows)));
    }

    [Fact]
    public void Digits_are_folded_and_sentences_split_inside_the_text_of_a_record()
    {
        const string file = """
            {"year": 1999, "text": "It was 1851.\nHe\nsailed in 3 ships. They"}
            {"year": 2000, "text": "sank."}
            """;
        Assert.Equal(
            ["It was ###.", "He sailed in ### ships.", "They", "sank."],
            Segments(file, Sentences with { FoldDigits = true, SplitSentences = true }));
        Assert.Equal(
            "It was ###.\nHe\nsailed in ### ships. They\nsank.\n",
            string.Concat(Segments(file, Windows with { FoldDigits = true })));
    }

    [Theory]
    [InlineData("char")]
    [InlineData("bpe:380")]
    public void Records_of_any_length_in_many_blocks_and_files_come_back(string spec)
    {
        string[] texts =
            [.. SampleText.Lines(3_000_000).Split('\n'), SampleText.Lines(1_500_000, seed: 2), "日 last\t\0"];
        string Record(string text) =>
            JsonSerializer.Serialize(new Dictionary<string, object> { ["id"] = 7, ["text"] = text });
        string one = _directory.Write(
            "one.jsonl", "\uFEFF" + string.Concat(texts[..^1].Select(text => Record(text) + "\n")));
        string two = _directory.Write("two.jsonl", Record(texts[^1]));
        using Corpus corpus = new CorpusLoader(Cache, 2).Load([one, two], Windows, TokenizerSpec.Parse(spec));
        int[] ids = new int[corpus.Tokens.TokenCount];
        corpus.Tokens.Read(0, ids);
        Assert.Equal(string.Concat(texts.Select(text => text + "\n")), corpus.Tokenizer.Decode(ids));
    }

    [Theory]
    [InlineData("plain text, not JSON", "not JSON at byte 1", "jq -c")]
    [InlineData("""{"text": "a" "b": 1}""", "not JSON at byte 14")]
    [InlineData("""{"text": "a"} {"text": "b"}""", "not JSON at byte 15")]
    [InlineData("""{"text": "a" """, "not JSON")]
    [InlineData("{", "not JSON", "one JSON object on each line")]
    [InlineData("""["text"]""", "is an array, not an object")]
    [InlineData("\"text\"", "is a string, not an object")]
    [InlineData("""{"id": 1, "body": "a"}""", "has no field \"text\"", "--field: id, body")]
    [InlineData("""{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1}""", "--field: a, b, c, d, e, f, g, h, …")]
    [InlineData("{}", "has no field \"text\"", "empty")]
    [InlineData("""{"text": null}""", "its field \"text\" is null, not a string")]
    [InlineData("""{"text": 5}""", "is a number, not a string")]
    [InlineData("""{"text": true}""", "is a truth value, not a string")]
    [InlineData("""{"text": ["a"]}""", "is an array, not a string")]
    [InlineData("""{"text": {"text": "a"}}""", "is an object, not a string")]
    [InlineData("""{"text": "half \ud83d of a pair"}""", "surrogate")]
    public void A_record_that_cannot_be_used_is_named_by_file_and_line(string record, params string[] words) =>
        Errors.Expect(
            ExitCode.BadInput,
            () => Segments("{\"text\": \"good\"}\n\n" + record + "\n", Sentences),
            ["corpus.jsonl, line 3:", .. words]);

    [Fact]
    public void Lines_are_counted_across_blocks_and_again_in_each_file()
    {
        string good = string.Concat(Enumerable.Repeat("""{"text": "some words to fill a line with"}""" + "\n", 60_000));
        string one = _directory.Write("one.jsonl", good);
        string two = _directory.Write("two.jsonl", good + "{}\n");
        Errors.Expect(
            ExitCode.BadInput,
            () => new CorpusLoader(Cache, 2).Load([one, two], Windows, TokenizerSpec.Parse("char")),
            "two.jsonl, line 60001:");
    }

    [Fact]
    public void A_record_longer_than_a_block_is_not_cut_in_windows_either()
    {
        string text = string.Concat(Enumerable.Repeat("word ", CorpusReader.BlockBytes / 2));
        string path = _directory.Write("long.jsonl", $"{{\"text\":\"{text}\"}}");
        TextBlock block = Assert.Single(new CorpusReader(CorpusFiles.Resolve([path]), Windows).Blocks());
        Assert.Equal(text + "\n", string.Concat(Texts(TextSegments.Of(block, Windows))));
    }

    [Fact]
    public void Cache_keys_of_plain_text_are_what_they_were_and_a_field_has_its_own()
    {
        Assert.Equal(
            "mode=Windows;fold-digits=False;split-sentences=False", new CorpusSettings(ExampleMode.Windows).CacheKey);
        Assert.Equal(
            "mode=Sentences;fold-digits=True;split-sentences=True",
            new CorpusSettings(ExampleMode.Sentences, true, true).CacheKey);
        CorpusSettings[] settings =
        [
            new(ExampleMode.Sentences),
            new(ExampleMode.Sentences, SentenceTokens: true),
            new(ExampleMode.Sentences, JsonField: ""),
            new(ExampleMode.Sentences, JsonField: "a"),
            new(ExampleMode.Sentences, JsonField: "a", SentenceTokens: true),
            new(ExampleMode.Sentences, JsonField: "a\";sentence-tokens=True"),
            new(ExampleMode.Sentences, JsonField: "a\n"),
        ];
        Assert.Equal(settings.Length, settings.Select(setting => setting.CacheKey).Distinct().Count());
        Assert.All(settings, setting => Assert.DoesNotContain('\n', setting.CacheKey));
    }

    [Fact]
    public void Another_field_of_the_same_files_is_another_corpus()
    {
        string path = _directory.Write("two-fields.jsonl", """{"a": "first words", "b": "second"}""");
        string Load(string field)
        {
            using Corpus corpus = new CorpusLoader(Cache, 1)
                .Load([path], new CorpusSettings(ExampleMode.Windows, JsonField: field), TokenizerSpec.Parse("char"));
            int[] ids = new int[corpus.Tokens.TokenCount];
            corpus.Tokens.Read(0, ids);
            return corpus.Tokenizer.Decode(ids);
        }

        Assert.Equal("first words\n", Load("a"));
        Assert.Equal("second\n", Load("b"));
    }

    [Theory]
    [InlineData("plain.txt", false, "good\nok\n\nbad é\n", 4)]
    [InlineData("records.jsonl", true, "{\"text\": \"good\\nok\"}\n\n{\"text\": \"a\\nb\\nbad é\"}\n", 3)]
    public void A_character_that_the_tokenizer_lacks_is_named_by_file_and_line(
        string name, bool json, string text, int line)
    {
        CharTokenizer tokenizer = CharTokenizer.Of("abdgko \n".EnumerateRunes());
        string path = _directory.Write(name, text);
        foreach (ExampleMode mode in Enum.GetValues<ExampleMode>())
        {
            Errors.Expect(
                ExitCode.BadInput,
                () => new CorpusLoader(Cache, 1)
                    .Load([path], new CorpusSettings(mode, JsonField: json ? "text" : null), tokenizer),
                string.Create(CultureInfo.InvariantCulture, $"{name}, line {line}: "),
                "'é' (U+00E9)",
                "bpe:N");
        }
    }

    private static List<string> Segments(string file, CorpusSettings settings)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(file);
        var block = new TextBlock(utf8, utf8.Length, StartsText: true, "corpus.jsonl", FirstLine: 1);
        return Texts(TextSegments.Of(block, settings));
    }

    private static List<string> Texts(TextSegments segments) =>
        [.. Enumerable.Range(0, segments.Count).Select(i => Encoding.UTF8.GetString(segments[i]))];
}
