using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Security.Cryptography;

namespace RnnLm.Data;

/// <summary>
/// The ids of a corpus in a memory-mapped file. Any number of threads may read it; none may while it is disposed.
/// </summary>
public sealed unsafe class TokenFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly TokenFileHeader _header;
    private byte* _bytes;

    private TokenFile(string path, MemoryMappedFile file, TokenFileHeader header)
    {
        Path = path;
        _file = file;
        _header = header;
        _view = file.CreateViewAccessor(0, header.FileBytes, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _bytes);
        _bytes += _view.PointerOffset;
    }

    /// <summary>Where it lies.</summary>
    public string Path { get; }

    /// <summary>How the text was prepared.</summary>
    public ExampleMode Mode => _header.Mode;

    /// <summary>Every id is below this.</summary>
    public int VocabularySize => _header.VocabularySize;

    /// <summary>Number of ids.</summary>
    public long TokenCount => _header.TokenCount;

    /// <summary>Number of sentences of at least two tokens; 0 in windows mode.</summary>
    public long SentenceCount => _header.SentenceCount;

    /// <summary>Opens a token file, checking its header and every byte.</summary>
    /// <param name="path">The file.</param>
    /// <param name="key">What it must have been made from; see <see cref="TokenFileCache"/>.</param>
    /// <exception cref="InvalidDataException">Damaged, or made from something else.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static TokenFile Open(string path, ReadOnlySpan<byte> key)
    {
        using FileStream stream = File.OpenRead(path);
        byte[] bytes = new byte[TokenFileHeader.Bytes];
        int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        TokenFileHeader header = TokenFileHeader.Parse(bytes.AsSpan(0, read), stream.Length);
        if (!key.SequenceEqual(header.Key))
        {
            throw new InvalidDataException("made from something else");
        }

        // The rest of the stream is the payload.
        if (!TokenFileHeader.HasChecksum(bytes, SHA256.HashData(stream)))
        {
            throw new InvalidDataException("its content is not what was written");
        }

        var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        return new TokenFile(path, file, header);
    }

    /// <summary>Tokens [start, start + length) that sentence <paramref name="index"/> covers.</summary>
    /// <exception cref="RnnLmException">Storage: the file was changed since it was opened.</exception>
    public (long Start, long Length) Sentence(long index)
    {
        ObjectDisposedException.ThrowIf(_bytes is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, SentenceCount);
        long* starts = (long*)(_bytes + _header.StartsOffset);
        long start = starts[index];
        long end = starts[index + 1];
        return start >= 0 && start <= end && end <= TokenCount ? (start, end - start) : throw Changed();
    }

    /// <summary>Copies the ids from <paramref name="start"/> on into <paramref name="destination"/>.</summary>
    /// <exception cref="RnnLmException">Storage: the file was changed since it was opened.</exception>
    public void Read(long start, Span<int> destination)
    {
        ObjectDisposedException.ThrowIf(_bytes is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, TokenCount - destination.Length);
        byte* first = _bytes + TokenFileHeader.Bytes + (start * _header.IdBytes);
        if (_header.IdBytes == sizeof(ushort))
        {
            var ids = new ReadOnlySpan<ushort>(first, destination.Length);
            for (int i = 0; i < ids.Length; i++)
            {
                destination[i] = ids[i];
            }
        }
        else
        {
            new ReadOnlySpan<int>(first, destination.Length).CopyTo(destination);
        }

        // An id outside the vocabulary would index past a table of native memory.
        foreach (int id in destination)
        {
            if ((uint)id >= (uint)VocabularySize)
            {
                throw Changed();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_bytes is not null)
        {
            _bytes = null;
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
            _file.Dispose();
        }
    }

    private RnnLmException Changed() =>
        RnnLmException.Storage($"{Path}: the token file was changed while it was in use; delete it and it is made again");
}

/// <summary>
/// The first 128 bytes of a token file, little-endian: magic (8), version, mode, vocabulary size, bytes an id (int32
/// each), tokens, sentences (int64 each), key (32), checksum (32), zeros. Then the ids, zeros up to a multiple of 8,
/// and in sentences mode the start of each sentence and the end of the last (int64 each). The checksum is the SHA-256
/// of the 72 bytes before it followed by the SHA-256 of all that follows the header.
/// </summary>
internal sealed record TokenFileHeader(ExampleMode Mode, int VocabularySize, long TokenCount, long SentenceCount, byte[] Key)
{
    /// <summary>Size of the header, bytes.</summary>
    public const int Bytes = 128;

    private const int Version = 1;
    private const int HashBytes = 32;
    private const int ChecksumOffset = 72;
    private const long MostCount = 1L << 48;

    private static ReadOnlySpan<byte> Magic => "RNNLMTOK"u8;

    /// <summary>2 when every id fits, else 4.</summary>
    public int IdBytes => IdBytesFor(VocabularySize);

    /// <summary>Where the sentence starts lie in the file.</summary>
    public long StartsOffset => Bytes + AlignUp(TokenCount * IdBytes);

    /// <summary>Size of the whole file, bytes.</summary>
    public long FileBytes => StartsOffset + (Mode == ExampleMode.Sentences ? (SentenceCount + 1) * sizeof(long) : 0);

    public static int IdBytesFor(int vocabularySize) => vocabularySize <= ushort.MaxValue + 1 ? sizeof(ushort) : sizeof(int);

    public static long AlignUp(long bytes) => (bytes + 7) & ~7L;

    /// <summary>The header of a file whose bytes after it have this SHA-256.</summary>
    public byte[] ToBytes(ReadOnlySpan<byte> payloadHash)
    {
        byte[] header = new byte[Bytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), (int)Mode);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(16), VocabularySize);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(20), IdBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), TokenCount);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), SentenceCount);
        Key.CopyTo(header.AsSpan(40));
        Checksum(header, payloadHash).CopyTo(header.AsSpan(ChecksumOffset));
        return header;
    }

    /// <exception cref="InvalidDataException">
    /// Not a header of this version, or one that <paramref name="fileBytes"/> contradicts.
    /// </exception>
    public static TokenFileHeader Parse(ReadOnlySpan<byte> header, long fileBytes)
    {
        Require(header.Length == Bytes && header.StartsWith(Magic), "not a token file");
        Require(BinaryPrimitives.ReadInt32LittleEndian(header[8..]) == Version, "another version");
        var mode = (ExampleMode)BinaryPrimitives.ReadInt32LittleEndian(header[12..]);
        int vocabularySize = BinaryPrimitives.ReadInt32LittleEndian(header[16..]);
        long tokens = BinaryPrimitives.ReadInt64LittleEndian(header[24..]);
        long sentences = BinaryPrimitives.ReadInt64LittleEndian(header[32..]);
        Require(Enum.IsDefined(mode) && vocabularySize > 0, "unknown mode or empty vocabulary");
        Require(tokens is >= 0 and < MostCount && sentences >= 0 && sentences <= tokens, "impossible counts");
        var parsed = new TokenFileHeader(mode, vocabularySize, tokens, sentences, header.Slice(40, HashBytes).ToArray());
        Require(BinaryPrimitives.ReadInt32LittleEndian(header[20..]) == parsed.IdBytes, "ids of another width");
        Require(parsed.FileBytes == fileBytes, "truncated or too long");
        return parsed;
    }

    /// <summary>Whether a header's checksum is that of the header and of bytes after it with this SHA-256.</summary>
    public static bool HasChecksum(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payloadHash) =>
        header.Slice(ChecksumOffset, HashBytes).SequenceEqual(Checksum(header, payloadHash));

    private static byte[] Checksum(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payloadHash) =>
        SHA256.HashData([.. header[..ChecksumOffset], .. payloadHash]);

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InvalidDataException(otherwise);
        }
    }
}
