using System.Text;

namespace RnnLm.Tests;

public class WordTokenizerTests
{
    [Theory]
    [InlineData("Don't stop, now!", "Don't", "stop", ",", "now", "!")]
    [InlineData("a well-kept “naïve” café’s 3.5%", "a", "well-kept", "“", "naïve", "”", "café’s", "3", ".", "5", "%")]
    [InlineData("the <unk> of ### - 'tis", "the", "<unk>", "of", "###", "-", "'", "tis")]
    [InlineData("😀😀 日本。", "😀", "😀", "日本", "。")]
    [InlineData(" \n\t ")]
    public void Words_and_punctuation_are_split(string text, params string[] words)
    {
        var found = new List<string>();
        foreach (ReadOnlySpan<char> word in new WordSplitter(text))
        {
            found.Add(word.ToString());
        }

        Assert.Equal(words, found);
    }

    [Fact]
    public void Nothing_but_white_space_is_lost() =>
        Property.Holds(
            Property.Text,
            text =>
            {
                string joined = "";
                foreach (ReadOnlySpan<char> word in new WordSplitter(text))
                {
                    Assert.False(word.IsEmpty);
                    joined += word.ToString();
                }

                Assert.Equal(string.Concat(text.Where(character => !char.IsWhiteSpace(character))), joined);
            });

    [Fact]
    public void Ids_follow_frequency_and_then_ordinal_order()
    {
        WordTokenizer tokenizer = Of("the sea the ship the sea . Zoo ant <unk> <unk> <unk> <unk>", most: 4);
        Assert.Equal(6, tokenizer.VocabularySize);
        Assert.Equal(0, tokenizer.PaddingId);
        Assert.Equal(1, tokenizer.UnknownId);
        // the 3, sea 2, then of the words that come once "." and "Zoo"; "ant" and "ship" are left out.
        Assert.Equal([2, 3, 4, 5, 1, 1, 1], tokenizer.Encode("the sea . Zoo ant ship <unk>"));
    }

    [Fact]
    public void Text_reads_well_after_decoding()
    {
        WordTokenizer tokenizer = Of("He said (twice): go, now! <unk>", most: null);
        Assert.Equal(
            "He said (twice): go, now!", tokenizer.Decode(tokenizer.Encode("He  said ( twice ) : go,\nnow !")));
        Assert.Equal("He <unk> go", tokenizer.Decode(tokenizer.Encode("He never go")));
    }

    [Fact]
    public void Words_between_white_space_are_counted_as_published_corpora_count_them()
    {
        // A line of WikiText-2; each line ends in a token, an empty one is nothing else.
        const string text = " = Robert <unk> = \n\n Robert <unk> is an English film , 3 @.@ 5 - long .\n";
        WordTokenizer tokenizer = Of(text, most: null, TokenizerKind.SpacedWords);
        Assert.Equal((0, 1, -1, -1), (tokenizer.PaddingId, tokenizer.UnknownId, tokenizer.StartId, tokenizer.EndId));
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Distinct();
        Assert.Equal(words.Count(word => !word.Contains('\n') && word != "<unk>") + 4, tokenizer.VocabularySize);
        int[] ids = tokenizer.Encode(text);
        Assert.Equal(4 + 1 + 1 + 13 + 1, ids.Length);
        Assert.Equal([2, 2], [ids[4], ids[5]]);
        Assert.Equal([3, 4, 1, 3, 2], ids[..5]);
        Assert.Equal("= Robert <unk> =\n\nRobert <unk> is an English film , 3 @.@ 5 - long .\n", tokenizer.Decode(ids));
        Assert.Equal([2, 1], tokenizer.Encode("<eos> other"));
    }

    [Fact]
    public void Of_words_between_white_space_the_most_frequent_are_kept()
    {
        WordTokenizer tokenizer = Of("b, b, a c\na\n", most: 2, TokenizerKind.SpacedWords);
        Assert.Equal((5, "space:2"), (tokenizer.VocabularySize, tokenizer.Spec));
        Assert.Equal([4, 3, 1, 2], tokenizer.Encode("b, a c\n"));
    }

    [Fact]
    public void A_word_that_begins_with_a_byte_order_mark_is_kept_as_it_is()
    {
        WordTokenizer tokenizer = Of("\uFEFFa \uFEFFa a\n", most: null, TokenizerKind.SpacedWords);
        using var directory = new TemporaryDirectory();
        foreach (var (name, bytes) in tokenizer.Files)
        {
            directory.Write(name, bytes);
        }

        WordTokenizer loaded = WordTokenizer.Load(directory.Path, tokenizer.Spec, sentenceTokens: false);
        Assert.Equal(tokenizer.Hash, loaded.Hash);
        Assert.Equal(tokenizer.Encode("\uFEFFa a"), loaded.Encode("\uFEFFa a"));
    }

    private static WordTokenizer Of(string text, int? most, TokenizerKind kind = TokenizerKind.Words)
    {
        var counts = new Dictionary<string, long>();
        WordTokenizer.Count(Encoding.UTF8.GetBytes(text), kind == TokenizerKind.SpacedWords, counts);
        return WordTokenizer.Of(counts, new TokenizerSpec(kind, most));
    }
}
