using System.Buffers;
using System.Text;

namespace RnnLm.Data;

/// <summary>
/// The stretches of text that are encoded one by one: in sentences mode the sentences of a block; in windows mode its lines with their line ends, overlong
/// ones cut before a word, so that the segments of all blocks joined are the text. Of JSON records it is their field that is cut so.
/// </summary>
public sealed class TextSegments
{
    /// <summary>Longest segment in windows mode, bytes.</summary>
    public const int MostWindowBytes = 1 << 16;

    private readonly CorpusSettings _settings;
    private readonly ArrayBufferWriter<byte> _utf8;
    private readonly List<(Range Text, long Line)> _segments = [];

    private TextSegments(CorpusSettings settings, int bytes) => (_settings, _utf8) = (settings, new ArrayBufferWriter<byte>(Math.Max(bytes, 1)));

    /// <summary>Number of segments.</summary>
    public int Count => _segments.Count;

    /// <summary>UTF-8 text of a segment.</summary>
    public ReadOnlySpan<byte> this[int index] => _utf8.WrittenSpan[_segments[index].Text];

    /// <summary>Line of the file that a segment comes from; the first is 1.</summary>
    public long LineOf(int index) => _segments[index].Line;

    /// <summary>Prepares a block as <paramref name="settings"/> say.</summary>
    /// <exception cref="RnnLmException">Bad input: a line is not a JSON record with the field that the settings name.</exception>
    public static TextSegments Of(TextBlock block, CorpusSettings settings)
    {
        ArgumentNullException.ThrowIfNull(block);
        ArgumentNullException.ThrowIfNull(settings);
        var segments = new TextSegments(settings, block.Utf8.Length);
        JsonRecords? records = settings.JsonField is string field ? new JsonRecords(field) : null;
        ReadOnlySpan<byte> rest = block.Utf8.Span;
        for (long line = block.FirstLine; !rest.IsEmpty; line++)
        {
            int newline = rest.IndexOf((byte)'\n');
            int length = newline < 0 ? rest.Length : newline + 1;
            if (records is null)
            {
                segments.Add(rest[..length], line);
            }
            else if (!rest[..length].Trim(" \t\r\n"u8).IsEmpty)
            {
                byte[] text = records.TextOf(rest[..length], block.Path, line);
                segments.Add(settings.Mode == ExampleMode.Windows ? [.. text, (byte)'\n'] : OnOneLine(text), line);
            }

            rest = rest[length..];
        }

        return segments;
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

    /// <summary>Text with a space for each of its line breaks (CR LF, LF or CR).</summary>
    private static ReadOnlySpan<byte> OnOneLine(Span<byte> text)
    {
        int written = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (!text[i..].StartsWith("\r\n"u8))
            {
                text[written++] = text[i] is (byte)'\n' or (byte)'\r' ? (byte)' ' : text[i];
            }
        }

        return text[..written];
    }

    /// <summary>Takes in a line or the text of a record.</summary>
    private void Add(ReadOnlySpan<byte> text, long line)
    {
        ReadOnlySpan<byte> folded = _settings.FoldDigits ? DigitFolding.Fold(text) : text;
        if (_settings.Mode == ExampleMode.Windows)
        {
            AddWindows(folded, line);
        }
        else if (_settings.SplitSentences)
        {
            string characters = Encoding.UTF8.GetString(folded);
            foreach (Range sentence in SentenceSplitter.Split(characters))
            {
                Append(Encoding.UTF8.GetBytes(characters[sentence]), line);
            }
        }
        else if (!folded.Trim(" \t\r\n\v\f"u8).IsEmpty)
        {
            Append(folded.Trim(" \t\r\n\v\f"u8), line);
        }
    }

    private void AddWindows(ReadOnlySpan<byte> text, long line)
    {
        while (!text.IsEmpty)
        {
            int newline = text.IndexOf((byte)'\n');
            int length = newline >= 0 ? newline + 1 : text.Length;
            if (length > MostWindowBytes)
            {
                length = CutPoint(text, MostWindowBytes);
            }

            Append(text[..length], line);
            text = text[length..];
        }
    }

    private void Append(ReadOnlySpan<byte> segment, long line)
    {
        _segments.Add((_utf8.WrittenCount..(_utf8.WrittenCount + segment.Length), line));
        _utf8.Write(segment);
    }
}
