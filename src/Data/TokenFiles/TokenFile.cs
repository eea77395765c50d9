using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace RnnLm.Data;

/// <summary>
/// The ids of a corpus in a file that is read piece by piece where they are asked for; any threads may read it until it
/// is disposed. It is not mapped: a mapped file that shrinks, or whose disk fails, kills the process without a word.
/// </summary>
public sealed class TokenFile : IDisposable
{
    private const int BufferBytes = 1 << 16;
    private readonly FileStream _stream;
    private readonly SafeFileHandle _file;
    private readonly TokenFileHeader _header;

    private TokenFile(string path, FileStream stream, TokenFileHeader header) =>
        (Path, _stream, _file, _header) = (path, stream, stream.SafeFileHandle, header);

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
    /// <param name="key">What it must have been made from; see <see cref="TokenFileCache"/>. Empty for
    /// whatever.</param>
    /// <exception cref="InvalidDataException">Damaged, or made from something else.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static TokenFile Open(string path, ReadOnlySpan<byte> key = default)
    {
        var stream = new FileStream(
            path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, BufferBytes);
        try
        {
            byte[] bytes = new byte[TokenFileHeader.Bytes];
            int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            TokenFileHeader header = TokenFileHeader.Parse(bytes.AsSpan(0, read), stream.Length);

            // The rest of the stream is the payload.
            bool isIntact = bytes.AsSpan().SequenceEqual(header.ToBytes(SHA256.HashData(stream)));
            return (key.IsEmpty || key.SequenceEqual(header.Key)) && isIntact
                ? new TokenFile(path, stream, header)
                : throw new InvalidDataException("made from something else, or its content is not what was written");
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Tokens [start, start + length) that sentence <paramref name="index"/> covers.</summary>
    /// <exception cref="RnnLmException">Storage: the file was changed since it was opened, or it fails.</exception>
    public (long Start, long Length) Sentence(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, SentenceCount);
        Span<long> bounds = stackalloc long[2];
        ReadAt(_header.StartsOffset + (index * sizeof(long)), MemoryMarshal.AsBytes(bounds));
        (long start, long end) = (bounds[0], bounds[1]);
        return start >= 0 && start <= end && end <= TokenCount ? (start, end - start) : throw Changed();
    }

    /// <summary>Copies the ids from <paramref name="start"/> on into <paramref name="destination"/>.</summary>
    /// <exception cref="RnnLmException">Storage: the file was changed since it was opened, or it fails.</exception>
    public void Read(long start, Span<int> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, TokenCount - destination.Length);

        // Ids of two bytes are read into the back half, from which each is widened before its place is written.
        var bytes = MemoryMarshal.AsBytes(destination)[((sizeof(int) - _header.IdBytes) * destination.Length)..];
        ReadAt(TokenFileHeader.Bytes + (start * _header.IdBytes), bytes);
        for (int i = 0; i < destination.Length; i++)
        {
            int id = _header.IdBytes == sizeof(ushort)
                ? MemoryMarshal.Read<ushort>(bytes[(i * sizeof(ushort))..])
                : destination[i];

            // An id outside the vocabulary would index past a table of native memory.
            destination[i] = (uint)id < (uint)VocabularySize ? id : throw Changed();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private void ReadAt(long offset, Span<byte> destination)
    {
        try
        {
            while (!destination.IsEmpty)
            {
                int read = RandomAccess.Read(_file, destination, offset);
                if (read == 0)
                {
                    throw Changed();
                }

                destination = destination[read..];
                offset += read;
            }
        }
        catch (IOException failure)
        {
            throw RnnLmException.Storage(
                $"{Path}: the token file cannot be read ({failure.Message}); look after the disk it lies on", failure);
        }
    }

    private RnnLmException Changed() => RnnLmException.Storage(
        $"{Path}: the token file was changed while it was in use; delete it and it is made again");
}

/// <summary>
/// The first 128 bytes of a token file, little-endian: magic (8), version, mode, vocabulary size, bytes an id (int32
/// each), tokens, sentences (int64 each), key (32), checksum (32), zeros. Then the ids, zeros up to a multiple of 8,
/// and in sentences mode the start of each sentence and the end of the last (int64 each). The checksum is the SHA-256
/// of the 72 bytes before it followed by the SHA-256 of all that follows the header.
/// </summary>
internal sealed record TokenFileHeader(
    ExampleMode Mode, int VocabularySize, long TokenCount, long SentenceCount, byte[] Key)
{
    /// <summary>Size of the header, bytes.</summary>
    public const int Bytes = 128;

    private const int Version = 1;
    private const int HashBytes = 32;
    private const int ChecksumOffset = 72;
    private const long MostCount = 1L << 48;

    /// <summary>2 when every id fits, else 4.</summary>
    public int IdBytes => VocabularySize <= ushort.MaxValue + 1 ? sizeof(ushort) : sizeof(int);

    /// <summary>Where the sentence starts lie in the file: at the first multiple of 8 behind the ids.</summary>
    public long StartsOffset => Bytes + (((TokenCount * IdBytes) + 7) & ~7L);

    /// <summary>Size of the whole file, bytes.</summary>
    public long FileBytes => StartsOffset + (Mode == ExampleMode.Sentences ? (SentenceCount + 1) * sizeof(long) : 0);

    private static ReadOnlySpan<byte> Magic => "RNNLMTOK"u8;

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
        SHA256.HashData([.. header[..ChecksumOffset], .. payloadHash]).CopyTo(header.AsSpan(ChecksumOffset));
        return header;
    }

    /// <exception cref="InvalidDataException">Not a header of this version and of such a file.</exception>
    public static TokenFileHeader Parse(ReadOnlySpan<byte> header, long fileBytes)
    {
        bool isOurs = header.Length == Bytes && header.StartsWith(Magic);
        if (!isOurs || BinaryPrimitives.ReadInt32LittleEndian(header[8..]) != Version)
        {
            throw new InvalidDataException("not a token file of this version");
        }

        var parsed = new TokenFileHeader(
            (ExampleMode)BinaryPrimitives.ReadInt32LittleEndian(header[12..]),
            BinaryPrimitives.ReadInt32LittleEndian(header[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(header[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(header[32..]),
            header.Slice(40, HashBytes).ToArray());
        bool isPossible = Enum.IsDefined(parsed.Mode) && parsed.VocabularySize > 0
            && parsed.TokenCount is >= 0 and < MostCount
            && parsed.SentenceCount >= 0 && parsed.SentenceCount <= parsed.TokenCount;
        return isPossible && parsed.FileBytes == fileBytes
            ? parsed
            : throw new InvalidDataException("impossible sizes, truncated or too long");
    }
}
