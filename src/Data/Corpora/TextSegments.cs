using System.Buffers;
using System.Text;
using System.Text.Json;

namespace RnnLm.Data;

/// <summary>How the text of a corpus is prepared before it is tokenized; part of the job.</summary>
/// <param name="Mode">
/// Sentences: each line is one, white space around it and empty lines dropped. Windows: the files joined in their
/// order, every character kept.
/// </param>
/// <param name="FoldDigits">Replace numbers, see <see cref="DigitFolding"/>.</param>
/// <param name="SplitSentences">Sentences only: lines are split by <see cref="SentenceSplitter"/>.</param>
/// <param name="JsonField">
/// Null for plain text. Otherwise each line is a JSON object and its text is this field, a string; empty lines are
/// skipped. Sentences: one record is one sentence, a line break in its text counts as a space. Windows: a line break
/// follows the text of each record.
/// </param>
/// <param name="SentenceTokens">Sentences only: a start and an end token enclose each sentence.</param>
public sealed record CorpusSettings(
    ExampleMode Mode,
    bool FoldDigits = false,
    bool SplitSentences = false,
    string? JsonField = null,
    bool SentenceTokens = false)
{
    /// <summary>Stands for these settings in cache keys: what it says of one never changes.</summary>
    public string CacheKey => $"mode={Mode};fold-digits={FoldDigits};split-sentences={SplitSentences}"
        + (JsonField is null ? "" : $";json-field=\"{JsonEncodedText.Encode(JsonField)}\"")
        + (SentenceTokens ? ";sentence-tokens=True" : "");

    /// <summary>Returns when the settings make sense together.</summary>
    /// <exception cref="RnnLmException">Usage: one of them is for another mode.</exception>
    public void Require()
    {
        if (Mode != ExampleMode.Sentences && (SentenceTokens || SplitSentences))
        {
            string option = SentenceTokens ? "--sentence-tokens" : "--split-sentences";
            throw RnnLmException.Usage(
                $"{option}: windows of running text have no sentences; use --examples sentences or leave it out");
        }
    }

    /// <summary>Text that goes on from a prompt has its numbers as the model has seen them.</summary>
    public string Folded(string prompt) => FoldDigits
        ? Encoding.UTF8.GetString(DigitFolding.Fold(Encoding.UTF8.GetBytes(prompt), SplitSentences))
        : prompt;
}

/// <summary>
/// The stretches of text that are encoded one by one: in sentences mode the sentences of a block; in windows mode its
/// lines with their line ends, overlong ones cut before a word, so that the segments of all blocks joined are the text.
/// Of JSON records it is their field that is cut so.
/// </summary>
public sealed class TextSegments
{
    /// <summary>Longest segment in windows mode, bytes.</summary>
    public const int MostWindowBytes = 1 << 16;

    private readonly CorpusSettings _settings;
    private readonly ArrayBufferWriter<byte> _utf8;
    private readonly List<(Range Text, long Line)> _segments = [];

    private TextSegments(CorpusSettings settings, int bytes) =>
        (_settings, _utf8) = (settings, new ArrayBufferWriter<byte>(Math.Max(bytes, 1)));

    /// <summary>Number of segments.</summary>
    public int Count => _segments.Count;

    private static ReadOnlySpan<byte> WhiteSpace => " \t\r\n\v\f"u8;

    /// <summary>UTF-8 text of a segment.</summary>
    public ReadOnlySpan<byte> this[int index] => _utf8.WrittenSpan[_segments[index].Text];

    /// <summary>Line of the file that a segment comes from; the first is 1.</summary>
    public long LineOf(int index) => _segments[index].Line;

    /// <summary>Prepares a block as <paramref name="settings"/> say.</summary>
    /// <exception cref="RnnLmException">Bad input: a line is no JSON record with the field.</exception>
    public static TextSegments Of(TextBlock block, CorpusSettings settings)
    {
        ArgumentNullException.ThrowIfNull(block);
        ArgumentNullException.ThrowIfNull(settings);
        var segments = new TextSegments(settings, block.Utf8.Length);
        JsonRecords? records = settings.JsonField is string field ? new JsonRecords(field) : null;
        ReadOnlyMemory<byte> rest = block.Utf8;
        for (long line = block.FirstLine; !rest.IsEmpty; line++)
        {
            int newline = rest.Span.IndexOf((byte)'\n');
            int length = newline < 0 ? rest.Length : newline + 1;
            if (records is null)
            {
                segments.Add(rest.Span[..length], line);
            }
            else if (!rest.Span[..length].Trim(" \t\r\n"u8).IsEmpty)
            {
                byte[] text = records.TextOf(rest[..length], block.Path, line);
                segments.Add(settings.Mode == ExampleMode.Windows ? [.. text, (byte)'\n'] : OnOneLine(text), line);
            }

            rest = rest[length..];
        }

        return segments;
    }

    /// <summary>
    /// Where to cut text that goes on beyond <paramref name="most"/> bytes: before the last run of spaces, so that no
    /// word is cut; without one, between two characters. Never 0.
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

        // Back to the first byte of a character; no more than three bytes continue one, and text that is not UTF-8 is
        // refused elsewhere.
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
        ReadOnlySpan<byte> folded = _settings.FoldDigits ? DigitFolding.Fold(text, _settings.SplitSentences) : text;
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
        else if (!folded.Trim(WhiteSpace).IsEmpty)
        {
            Append(folded.Trim(WhiteSpace), line);
        }
    }

    private void AddWindows(ReadOnlySpan<byte> text, long line)
    {
        while (!text.IsEmpty)
        {
            int newline = text.IndexOf((byte)'\n');
            int length = newline >= 0 ? newline + 1 : text.Length;
            length = length > MostWindowBytes ? CutPoint(text, MostWindowBytes) : length;
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

/// <summary>Replaces each run of the digits 0–9 by <c>###</c>: numbers are too many to learn one by one.</summary>
public static class DigitFolding
{
    /// <summary>The UTF-8 text with its numbers folded.</summary>
    /// <param name="utf8">The text.</param>
    /// <param name="wholeNumbers">Whether <c>1,300,000.50</c> is one number, not four.</param>
    public static byte[] Fold(ReadOnlySpan<byte> utf8, bool wholeNumbers = false)
    {
        // A lone digit grows from one byte to three, and between two runs lies at least one byte.
        byte[] result = new byte[(utf8.Length * 2) + 2];
        int written = 0;
        for (int i = 0; i < utf8.Length;)
        {
            if (!char.IsAsciiDigit((char)utf8[i]))
            {
                result[written++] = utf8[i++];
                continue;
            }

            "###"u8.CopyTo(result.AsSpan(written));
            written += 3;
            while (i < utf8.Length && (char.IsAsciiDigit((char)utf8[i]) || (wholeNumbers && SeparatesDigits(utf8, i))))
            {
                i++;
            }
        }

        return result.AsSpan(0, written).ToArray();
    }

    private static bool SeparatesDigits(ReadOnlySpan<byte> utf8, int at) =>
        utf8[at] is (byte)',' or (byte)'.' && at + 1 < utf8.Length && char.IsAsciiDigit((char)utf8[at + 1]);
}
