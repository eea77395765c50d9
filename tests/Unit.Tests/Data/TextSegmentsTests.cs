using System.Text;

namespace RnnLm.Tests;

public class TextSegmentsTests
{
    [Fact]
    public void Segments_of_windows_joined_are_the_text()
    {
        Property.Holds(
            Property.Text,
            text => Assert.Equal(text, string.Concat(Segments(text, new CorpusSettings(ExampleMode.Windows)))));
        string overlong = SampleText.Lines(300_000).Replace('\n', ' ') + new string('é', 100_000);
        List<string> segments = Segments(overlong, new CorpusSettings(ExampleMode.Windows));
        Assert.Equal(overlong, string.Concat(segments));
        Assert.All(
            segments,
            segment => Assert.InRange(Encoding.UTF8.GetByteCount(segment), 1, TextSegments.MostWindowBytes));
    }

    [Fact]
    public void In_sentences_mode_each_line_that_is_not_blank_is_one() =>
        Assert.Equal(
            ["one two.", "three. Four", "five"],
            Segments("one two.\r\n\n  three. Four \n \t\nfive", new CorpusSettings(ExampleMode.Sentences)));

    [Fact]
    public void Lines_can_be_split_into_sentences_and_their_numbers_folded() =>
        Assert.Equal(
            ["In ### it came.", "Naïve?", "Last"],
            Segments(
                "In 1999 it came. Naïve?\nLast",
                new CorpusSettings(ExampleMode.Sentences, FoldDigits: true, SplitSentences: true)));

    private static List<string> Segments(string text, CorpusSettings settings)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        var block = new TextBlock(utf8, utf8.Length, StartsText: true, "text.txt", FirstLine: 1);
        TextSegments segments = TextSegments.Of(block, settings);
        return [.. Enumerable.Range(0, segments.Count).Select(i => Encoding.UTF8.GetString(segments[i]))];
    }
}
