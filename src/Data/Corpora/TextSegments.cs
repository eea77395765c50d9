using System.Text;
using RnnLm.Shared.Jobs;

namespace RnnLm.Data.Corpora;

/// <summary>
/// The stretches of text that are encoded one by one: in sentences mode the sentences of a block; in windows mode its lines with their line ends, overlong
/// ones cut before a word, so that the segments of all blocks joined are the text.
/// </summary>
public sealed class TextSegments
{
    /// <summary>Longest segment in windows mode, bytes.</summary>
    public const int MostWindowBytes = 1 << 16;

    private readonly byte[] _utf8;
    private readonly List<Range> _ranges;

    private TextSegments(byte[] utf8, List<Range> ranges) => (_utf8, _ranges) = (utf8, ranges);

    /// <summary>Number of segments.</summary>
    public int Count => _ranges.Count;

    /// <summary>UTF-8 text of a segment.</summary>
    public ReadOnlySpan<byte> this[int index] => _utf8.AsSpan(_ranges[index]);

    /// <summary>Prepares a block as <paramref name="settings"/> say.</summary>
    public static TextSegments Of(TextBlock block, CorpusSettings settings)
    {
        ArgumentNullException.ThrowIfNull(block);
        ArgumentNullException.ThrowIfNull(settings);
        byte[] text = settings.FoldDigits ? DigitFolding.Fold(block.Utf8.Span) : block.Utf8.ToArray();
        return settings.Mode == ExampleMode.Windows ? new TextSegments(text, Windows(text))
            : settings.SplitSentences ? SplitLines(text)
            : new TextSegments(text, Lines(text));
    }

    /// <summary>
    /// Where to cut text that goes on beyond <paramref name="most"/> bytes: before the last run of spaces, so that no word is cut; without one, between two
    /// characters. Never 0.
    /// </summary>
    internal static int CutPoint(ReadOnlySpan<byte> text, int most)
    {
        int cut = text[..most].LastIndexOf((byte)' ');
        while (cut > 0 && text[cut - 1] == ' ')
        {
            cut--;
        }

        if (cut > 0)
        {
            return cut;
        }

        // Back to the first byte of a character; no more than three bytes continue one, and text that is not UTF-8 is refused elsewhere.
        cut = most - 1;
        while (cut > most - 4 && (text[cut] & 0xC0) == 0x80)
        {
            cut--;
        }

        return cut;
    }

    private static List<Range> Windows(ReadOnlySpan<byte> text)
    {
        var ranges = new List<Range>();
        int start = 0;
        while (start < text.Length)
        {
            ReadOnlySpan<byte> rest = text[start..];
            int newline = rest.IndexOf((byte)'\n');
            int length = newline >= 0 ? newline + 1 : rest.Length;
            if (length > MostWindowBytes)
            {
                length = CutPoint(rest, MostWindowBytes);
            }

            ranges.Add(start..(start + length));
            start += length;
        }

        return ranges;
    }

    private static List<Range> Lines(ReadOnlySpan<byte> text)
    {
        var ranges = new List<Range>();
        foreach (Range line in text.Split((byte)'\n'))
        {
            (int start, int length) = line.GetOffsetAndLength(text.Length);
            int leading = length - text.Slice(start, length).TrimStart(" \t\r\v\f"u8).Length;
            int trimmed = text.Slice(start, length).Trim(" \t\r\v\f"u8).Length;
            if (trimmed > 0)
            {
                ranges.Add((start + leading)..(start + leading + trimmed));
            }
        }

        return ranges;
    }

    private static TextSegments SplitLines(byte[] text)
    {
        byte[] sentences = new byte[text.Length];
        int written = 0;
        var ranges = new List<Range>();
        foreach (Range line in Lines(text))
        {
            string characters = Encoding.UTF8.GetString(text.AsSpan(line));
            foreach (Range sentence in SentenceSplitter.Split(characters))
            {
                int length = Encoding.UTF8.GetBytes(characters.AsSpan(sentence), sentences.AsSpan(written));
                ranges.Add(written..(written + length));
                written += length;
            }
        }

        return new TextSegments(sentences, ranges);
    }
}
