using Wcwidth;

namespace RnnLm.Hosting;

/// <summary>Columns that text takes in a terminal: two for a Korean syllable or a Chinese character, none for a
/// combining mark (Unicode Standard Annex 11).</summary>
internal static class TextWidth
{
    /// <summary>Of a text in one line.</summary>
    public static int Of(string text) =>
        text.EnumerateRunes().Sum(rune => Math.Max(0, UnicodeCalculator.GetWidth(rune.Value)));

    /// <summary>The text with spaces before it, so that it ends at a column.</summary>
    public static string PadLeft(string text, int columns) =>
        new string(' ', Math.Max(0, columns - Of(text))) + text;
}
