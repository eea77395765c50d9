namespace RnnLm.Data;

/// <summary>Replaces each run of the digits 0–9 by <c>###</c>: numbers are too many to learn one by one (row A10 of the reference material).</summary>
public static class DigitFolding
{
    private static ReadOnlySpan<byte> Folded => "###"u8;

    /// <summary>The UTF-8 text with its numbers folded.</summary>
    public static byte[] Fold(ReadOnlySpan<byte> utf8)
    {
        // A lone digit grows from one byte to three, and between two runs lies at least one byte.
        byte[] result = new byte[(utf8.Length * 2) + 2];
        int written = 0;
        while (!utf8.IsEmpty)
        {
            int plain = utf8.IndexOfAnyInRange((byte)'0', (byte)'9');
            plain = plain < 0 ? utf8.Length : plain;
            utf8[..plain].CopyTo(result.AsSpan(written));
            written += plain;
            utf8 = utf8[plain..];
            if (utf8.IsEmpty)
            {
                break;
            }

            Folded.CopyTo(result.AsSpan(written));
            written += Folded.Length;
            int digits = utf8.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
            utf8 = digits < 0 ? [] : utf8[digits..];
        }

        return result.AsSpan(0, written).ToArray();
    }
}
