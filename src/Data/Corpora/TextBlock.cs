namespace RnnLm.Data;

/// <summary>A stretch of one file that ends where a line does, or, in windows of plain text, before a word of an overlong line.</summary>
/// <param name="Utf8">Valid UTF-8 as it stands in the file, without a byte order mark.</param>
/// <param name="FileBytes">Bytes of the file that it covers.</param>
/// <param name="StartsText">Whether this is the first text of the corpus.</param>
/// <param name="Path">The file.</param>
/// <param name="FirstLine">Line of the file that it begins on; the first is 1.</param>
public sealed record TextBlock(ReadOnlyMemory<byte> Utf8, int FileBytes, bool StartsText, string Path, long FirstLine);
