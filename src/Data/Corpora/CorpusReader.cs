using System.Globalization;
using System.Security.Cryptography;

namespace RnnLm.Data;

/// <summary>
/// Reads a corpus once, block by block, in bounded memory. Where blocks end is a function of the files' contents alone, so what is made from them does not
/// depend on who reads them or how.
/// </summary>
public sealed class CorpusReader
{
    /// <summary>Usual size of a block, bytes.</summary>
    public const int BlockBytes = 1 << 20;

    /// <summary>Longest line where lines are kept whole: sentences and JSON records, bytes.</summary>
    public const int MostLineBytes = 1 << 26;

    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    private readonly CorpusFiles _files;
    private readonly CorpusSettings _settings;

    public CorpusReader(CorpusFiles files, CorpusSettings settings) => (_files, _settings) = (files, settings);

    /// <summary>
    /// Set when all blocks were read: SHA-256, in lower-case hexadecimal, over the SHA-256 of each file's content in order. Paths do not enter it.
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
    /// <exception cref="RnnLmException">Bad input: a file cannot be read, is not UTF-8 text, or has a line to be kept whole over <see cref="MostLineBytes"/>.</exception>
    public IEnumerable<TextBlock> Blocks()
    {
        using var corpusHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        bool startsText = true;
        foreach (string path in _files.Paths)
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
        using FileStream stream = Open(path);
        byte[] buffer = new byte[BlockBytes];
        int filled = 0;
        long offset = 0;
        long line = 1;
        while (true)
        {
            int read = Read(stream, path, buffer.AsSpan(filled));
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

            TextCheck.Require(buffer.AsSpan(0, end), path, offset);
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
        if (newline >= 0)
        {
            return newline + 1;
        }

        return _settings is { Mode: ExampleMode.Windows, JsonField: null } ? TextSegments.CutPoint(buffer, buffer.Length) : 0;
    }

    private void RequireGrowth(string path, long line, int bytes)
    {
        if (bytes >= MostLineBytes)
        {
            string cure = _settings.JsonField is null ? "put one sentence on a line, or train on windows of text" : "put one JSON object on a line, or divide the record";
            throw RnnLmException.BadInput(string.Create(CultureInfo.InvariantCulture, $"{path}, line {line}: is longer than {MostLineBytes >> 20} MiB; {cure}"));
        }
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.BadInput($"{path}: cannot be read ({failure.Message}); check that it exists and its permissions", failure);
        }
    }

    private static int Read(FileStream stream, string path, Span<byte> destination)
    {
        try
        {
            return stream.ReadAtLeast(destination, destination.Length, throwOnEndOfStream: false);
        }
        catch (IOException failure)
        {
            throw RnnLmException.BadInput($"{path}: reading failed ({failure.Message}); check the disk it lies on", failure);
        }
    }
}
