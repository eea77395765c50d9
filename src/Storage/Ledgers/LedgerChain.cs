using System.Buffers.Binary;
using System.Security.Cryptography;

namespace RnnLm.Storage;

/// <summary>
/// One value for a whole lineage: chain(0) is 32 zero bytes, chain(n+1) is the SHA-256 over chain(n) and entry n (little-endian: step int64, token hash
/// uint64, token count int64, skipped byte). Two runs with equal chains have committed the same examples in the same steps.
/// </summary>
/// <param name="High">First 16 bytes, big-endian.</param>
/// <param name="Low">Last 16 bytes, big-endian.</param>
public readonly record struct LedgerChain(UInt128 High, UInt128 Low)
{
    private const int Bytes = 32;
    private const int HalfBytes = 16;
    private const int EntryBytes = 25;

    /// <summary>The chain of a ledger without entries.</summary>
    public static LedgerChain Empty => default;

    /// <summary>The chain with one more entry.</summary>
    public LedgerChain Then(LedgerEntry entry)
    {
        Span<byte> bytes = stackalloc byte[Bytes + EntryBytes];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, High);
        BinaryPrimitives.WriteUInt128BigEndian(bytes[HalfBytes..], Low);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[Bytes..], entry.Step);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[(Bytes + 8)..], entry.TokenHash);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[(Bytes + 16)..], entry.Tokens);
        bytes[^1] = entry.IsSkipped ? (byte)1 : (byte)0;
        Span<byte> digest = stackalloc byte[Bytes];
        SHA256.HashData(bytes, digest);
        return From(digest);
    }

    /// <summary>64 hexadecimal digits, lower case.</summary>
    public override string ToString() => $"{High:x32}{Low:x32}";

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    /// <exception cref="FormatException">The text is not 64 hexadecimal digits.</exception>
    public static LedgerChain Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length == 2 * Bytes ? From(Convert.FromHexString(text)) : throw new FormatException("a ledger chain has 64 hexadecimal digits");
    }

    private static LedgerChain From(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt128BigEndian(bytes), BinaryPrimitives.ReadUInt128BigEndian(bytes[HalfBytes..]));
}
