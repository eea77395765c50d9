using System.Text;

namespace RnnLm.Tests;

public class CharTokenizerTests
{
    [Fact]
    public void Characters_get_ids_in_the_order_of_their_code_points()
    {
        CharTokenizer tokenizer = Of("hello");
        Assert.Equal(4, tokenizer.VocabularySize);
        Assert.Equal([1, 0, 2, 2, 3], tokenizer.Encode("hello"));
        Assert.Equal(-1, tokenizer.PaddingId);
        Assert.Equal(-1, tokenizer.UnknownId);
    }

    [Fact]
    public void A_character_beyond_the_basic_plane_is_one_id() => Assert.Equal([1, 0, 1], Of("a😀").Encode("😀a😀"));

    [Fact]
    public void Any_text_comes_back() =>
        Property.Holds(
            Property.Text,
            text =>
            {
                CharTokenizer tokenizer = Of(text + "x");
                int[] ids = tokenizer.Encode(text);
                Assert.Equal(text.EnumerateRunes().Count(), ids.Length);
                Assert.Equal(text, tokenizer.Decode(ids));
            });

    [Theory]
    [InlineData("héllo", "'é' (U+00E9)")]
    [InlineData("hell\u0007o", "character (U+0007)")]
    [InlineData("hello😀", "'😀' (U+1F600)")]
    public void A_character_that_was_not_in_the_corpus_is_named(string prompt, string shown) =>
        Errors.Expect(ExitCode.BadInput, () => Of("hello").Encode(prompt), shown, "4");

    private static CharTokenizer Of(string text)
    {
        var characters = new HashSet<Rune>();
        CharTokenizer.Collect(Encoding.UTF8.GetBytes(text), characters);
        return CharTokenizer.Of(characters);
    }
}
