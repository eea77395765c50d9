using RnnLm.Coordinator;

namespace RnnLm.Cli.Tests;

/// <summary>Korean and Chinese take two columns of a terminal, a combining mark none.</summary>
public sealed class Wide_characters
{
    [Theory]
    [InlineData("abc", 3)]
    [InlineData("안녕", 4)]
    [InlineData("신비의 섬", 9)]
    [InlineData("漢字", 4)]
    [InlineData("e\u0301", 1)]
    [InlineData("", 0)]
    public void Take_the_columns_that_they_have(string text, int columns) =>
        Assert.Equal(columns, TextWidth.Of(text));

    [Fact]
    public void Stand_below_each_other_where_prompts_end()
    {
        var output = new StringWriter();
        using var view = new PlainView(output, TimeProvider.System);
        view.Begin(new TrainingExtent(0, 1, 1, PromptColumns: 9));
        view.Sample("신비의 섬", "에서");
        view.Sample("the", " end");
        string[] lines = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("  신비의 섬|에서", lines[^2].TrimEnd('\r'));
        Assert.Equal("        the| end", lines[^1].TrimEnd('\r'));
    }
}
