namespace RnnLm.Tests;

public class SentenceSplitterTests
{
    [Theory]
    [InlineData("One. Two! Three? Four", "One.", "Two!", "Three?", "Four")]
    [InlineData("  Spaces around.   And between.  ", "Spaces around.", "And between.")]
    [InlineData("Mr. Smith met Dr. Jones. They spoke.", "Mr. Smith met Dr. Jones.", "They spoke.")]
    [InlineData(
        "Franklin D. Roosevelt spoke. John F. Kennedy too.", "Franklin D. Roosevelt spoke.", "John F. Kennedy too.")]
    [InlineData(
        "The U.S. Senate sat. He left the U.S. The end.", "The U.S. Senate sat.", "He left the U.S.", "The end.")]
    [InlineData("It cost $3.50 in 1999. 200 came.", "It cost $3.50 in 1999.", "200 came.")]
    [InlineData("Thank you. (Applause.) Thank you.", "Thank you.", "(Applause.)", "Thank you.")]
    [InlineData("He said, “Go.” She went. \"Stop!\" he cried.", "He said, “Go.”", "She went.", "\"Stop!\" he cried.")]
    [InlineData("No. 5 is alive. See sec. 4 of it.", "No. 5 is alive.", "See sec. 4 of it.")]
    [InlineData("Wait... what? Yes.", "Wait... what?", "Yes.")]
    [InlineData("So did I. Then it rained.", "So did I.", "Then it rained.")]
    [InlineData("no stop and no capital", "no stop and no capital")]
    [InlineData(" \t ")]
    [InlineData("")]
    public void Prose_is_split_where_sentences_end(string text, params string[] sentences) =>
        Assert.Equal(sentences, SentenceSplitter.Split(text).Select(range => text[range]));

    [Fact]
    public void Nothing_but_white_space_is_lost() =>
        Property.Holds(
            Property.Text,
            text =>
            {
                IEnumerable<string> sentences = SentenceSplitter.Split(text).Select(range => text[range]).ToList();
                Assert.Equal(WithoutSpace(text), WithoutSpace(string.Concat(sentences)));
                Assert.All(sentences, sentence => Assert.Equal(sentence.Trim(), sentence));
                Assert.DoesNotContain("", sentences);
            });

    private static string WithoutSpace(string text) =>
        string.Concat(text.Where(character => !char.IsWhiteSpace(character)));
}
