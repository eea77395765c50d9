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
        Assert.Equal("He said (twice): go, now!", tokenizer.Decode(tokenizer.Encode("He  said ( twice ) : go,\nnow !")));
        Assert.Equal("He <unk> go", tokenizer.Decode(tokenizer.Encode("He never go")));
    }

    private static WordTokenizer Of(string text, int? most)
    {
        var counts = new Dictionary<string, long>();
        WordTokenizer.Count(Encoding.UTF8.GetBytes(text), counts);
        return WordTokenizer.Of(counts, most);
    }
}
