using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;

namespace RnnLm.Data;

/// <summary>A stretch of one file that ends with a line or, in windows of plain text, inside an overlong one.</summary>
/// <param name="Utf8">Valid UTF-8 as it stands in the file, without a byte order mark.</param>
/// <param name="FileBytes">Bytes of the file that it covers.</param>
/// <param name="StartsText">Whether this is the first text of the corpus.</param>
/// <param name="Path">The file.</param>
/// <param name="FirstLine">Line of the file that it begins on; the first is 1.</param>
public sealed record TextBlock(ReadOnlyMemory<byte> Utf8, int FileBytes, bool StartsText, string Path, long FirstLine);

/// <summary>
/// Reads a corpus once, block by block, in bounded memory. Where blocks end is a function of the files' contents alone,
/// so what is made from them does not depend on who reads them or how.
/// </summary>
public sealed class CorpusReader(CorpusFiles files, CorpusSettings settings)
{
    /// <summary>Usual size of a block, bytes.</summary>
    public const int BlockBytes = 1 << 20;

    /// <summary>Longest line where lines are kept whole: sentences and JSON records, bytes.</summary>
    public const int MostLineBytes = 1 << 26;

    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    /// <summary>
    /// Set when all blocks were read: SHA-256, in lower-case hexadecimal, over the SHA-256 of each file's content in
    /// order. Paths do not enter it.
    /// </summary>
    public string? ContentHash { get; private set; }

    /// <summary>Reads everything for its hash and so that bad text is found before any work is done on it.</summary>
    /// <param name="files">The corpus.</param>
    /// <param name="progress">Receives the bytes read so far.</param>
    /// <exception cref="RnnLmException">Bad input: a file cannot be read or is not UTF-8 text.</exception>
    public static string Hash(CorpusFiles files, Action<long>? progress = null)
    {
        // Windows of plain text accept lines of any length.
        var reader = new CorpusReader(files, new CorpusSettings(ExampleMode.Windows));
        long bytes = 0;
        foreach (TextBlock block in reader.Blocks())
        {
            bytes += block.FileBytes;
            progress?.Invoke(bytes);
        }

        return reader.ContentHash!;
    }

    /// <summary>The blocks in order.</summary>
    /// <exception cref="RnnLmException">
    /// Bad input: a file cannot be read, is not UTF-8 text, or has a line to be kept whole over <see
    /// cref="MostLineBytes"/>.
    /// </exception>
    public IEnumerable<TextBlock> Blocks()
    {
        using var corpusHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        bool startsText = true;
        foreach (string path in files.Paths)
        {
            using var fileHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (TextBlock block in FileBlocks(path, fileHash))
            {
                yield return block with { StartsText = startsText };
                startsText = false;
            }

            corpusHash.AppendData(fileHash.GetHashAndReset());
        }

        ContentHash = Convert.ToHexStringLower(corpusHash.GetHashAndReset());
    }

    private IEnumerable<TextBlock> FileBlocks(string path, IncrementalHash hash)
    {
        using FileStream stream = Readable(path, () => new FileStream(
            path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan));
        byte[] buffer = new byte[BlockBytes];
        int filled = 0;
        long offset = 0;
        long line = 1;
        while (true)
        {
            int wanted = buffer.Length - filled;
            int read = Readable(
                path, () => stream.ReadAtLeast(buffer.AsSpan(filled), wanted, throwOnEndOfStream: false));
            hash.AppendData(buffer, filled, read);
            filled += read;
            bool atEnd = filled < buffer.Length;
            if (atEnd && filled == 0 && offset > 0)
            {
                // The block before ended with the file.
                yield break;
            }

            int end = atEnd ? filled : BlockEnd(buffer);
            if (end == 0)
            {
                RequireGrowth(path, line, buffer.Length);
                Array.Resize(ref buffer, buffer.Length * 2);
                continue;
            }

            RequireText(buffer.AsSpan(0, end), path, offset);
            int skipped = offset == 0 && buffer.AsSpan(0, end).StartsWith(ByteOrderMark) ? ByteOrderMark.Length : 0;
            yield return new TextBlock(buffer.AsMemory(skipped, end - skipped), end, StartsText: false, path, line);
            if (atEnd)
            {
                yield break;
            }

            line += buffer.AsSpan(0, end).Count((byte)'\n');

            // The block keeps its buffer: others may still be at work on it when the next one is read.
            byte[] next = new byte[Math.Max(BlockBytes, filled - end)];
            buffer.AsSpan(end, filled - end).CopyTo(next);
            filled -= end;
            buffer = next;
            offset += end;
        }
    }

    /// <summary>Where the first block of a full buffer ends; 0 when the buffer must grow.</summary>
    private int BlockEnd(ReadOnlySpan<byte> buffer)
    {
        int newline = buffer.LastIndexOf((byte)'\n');
        bool mayCut = settings is { Mode: ExampleMode.Windows, JsonField: null };
        return newline >= 0 ? newline + 1 : mayCut ? TextSegments.CutPoint(buffer, buffer.Length) : 0;
    }

    private void RequireGrowth(string path, long line, int bytes)
    {
        if (bytes >= MostLineBytes)
        {
            string cure = settings.JsonField is null
                ? "put one sentence on a line, or train on windows of text"
                : "put one JSON object on a line, or divide the record";
            throw RnnLmException.BadInput($"{path}, line {line}: is longer than {MostLineBytes >> 20} MiB; {cure}");
        }
    }

    private static T Readable<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.BadInput(
                $"{path}: cannot be read ({failure.Message}); check that it exists and its permissions", failure);
        }
    }

    /// <summary>Refuses bytes that are not strict UTF-8 text, by their place in the file.</summary>
    private static void RequireText(ReadOnlySpan<byte> bytes, string path, long offset)
    {
        int nul = bytes.IndexOf((byte)0);
        ReadOnlySpan<byte> text = nul < 0 ? bytes : bytes[..nul];
        if (!Utf8.IsValid(text))
        {
            int bad = 0;
            while (Rune.DecodeFromUtf8(text[bad..], out _, out int consumed) == System.Buffers.OperationStatus.Done)
            {
                bad += consumed;
            }

            string encoding = IsKorean(text[bad..]) ? "CP949" : "LATIN1";
            throw RnnLmException.BadInput(
                $"{path}: not UTF-8 (byte 0x{text[bad]:X2} at offset {offset + bad}); "
                + $"convert it, e.g. iconv -f {encoding} -t UTF-8");
        }

        if (nul >= 0)
        {
            throw RnnLmException.BadInput(
                $"{path}: looks binary or UTF-16 (NUL byte at offset {offset + nul}); give plain text in UTF-8");
        }
    }

    /// <summary>Whether most bytes beyond ASCII form the syllables of EUC-KR: 0xB0–0xC8, then 0xA1–0xFE.</summary>
    private static bool IsKorean(ReadOnlySpan<byte> text)
    {
        int syllables = 0;
        int others = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] is >= 0xB0 and <= 0xC8 && i + 1 < text.Length && text[i + 1] is >= 0xA1 and <= 0xFE)
            {
                syllables++;
                i++;
            }
            else if (text[i] >= 0x80)
            {
                others++;
            }
        }

        return syllables > others;
    }
}
