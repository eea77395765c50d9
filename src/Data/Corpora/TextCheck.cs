using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace RnnLm.Data;

/// <summary>Refuses bytes that are not strict UTF-8 text.</summary>
internal static class TextCheck
{
    /// <summary>Returns when <paramref name="bytes"/> is text.</summary>
    /// <param name="bytes">Whole characters of the file.</param>
    /// <param name="path">The file, for the message.</param>
    /// <param name="offset">Where <paramref name="bytes"/> begin in the file.</param>
    /// <exception cref="RnnLmException">Bad input: the first bad byte, with its offset in the file.</exception>
    public static void Require(ReadOnlySpan<byte> bytes, string path, long offset)
    {
        int nul = bytes.IndexOf((byte)0);
        ReadOnlySpan<byte> text = nul < 0 ? bytes : bytes[..nul];
        if (!Utf8.IsValid(text))
        {
            int bad = FirstBadByte(text);
            throw RnnLmException.BadInput(string.Create(
                CultureInfo.InvariantCulture,
                $"{path}: not UTF-8 (byte 0x{text[bad]:X2} at offset {offset + bad}); convert it, e.g. iconv -f LATIN1 -t UTF-8"));
        }

        if (nul >= 0)
        {
            throw RnnLmException.BadInput(string.Create(
                CultureInfo.InvariantCulture,
                $"{path}: looks binary or UTF-16 (NUL byte at offset {offset + nul}); give plain text in UTF-8"));
        }
    }

    private static int FirstBadByte(ReadOnlySpan<byte> text)
    {
        int position = 0;
        while (Rune.DecodeFromUtf8(text[position..], out _, out int consumed) == System.Buffers.OperationStatus.Done)
        {
            position += consumed;
        }

        return position;
    }
}
