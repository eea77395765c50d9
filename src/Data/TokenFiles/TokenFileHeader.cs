using System.Buffers.Binary;
using System.Security.Cryptography;

namespace RnnLm.Data;

/// <summary>
/// The first 128 bytes of a token file, little-endian: magic (8), version, mode, vocabulary size, bytes an id (int32 each), tokens, sentences (int64 each),
/// key (32), checksum (32), zeros. Then the ids, zeros up to a multiple of 8, and in sentences mode the start of each sentence
/// and the end of the last (int64 each). The checksum is the SHA-256 of the 72 bytes before it followed by the SHA-256 of all that follows the header.
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

    /// <exception cref="InvalidDataException">Not a header of this version, or one that <paramref name="fileBytes"/> contradicts.</exception>
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
