using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace RnnLm.Checkpoints.Ledgers;

/// <summary>What one committed step was computed from.</summary>
/// <param name="Step">The step, from 0.</param>
/// <param name="TokenHash">The hashes that the workers returned, folded in shard order by <see cref="Fold"/>.</param>
/// <param name="Tokens">Predicted tokens of the step.</param>
/// <param name="IsSkipped">Whether the step was recorded without an update, because its loss or gradient was not finite.</param>
public readonly record struct LedgerEntry(long Step, ulong TokenHash, long Tokens, bool IsSkipped)
{
    /// <summary>First 64 bits (little-endian) of the SHA-256 over the shards' token hashes, little-endian, in shard order, empty shards included.</summary>
    public static ulong Fold(ReadOnlySpan<ulong> shardTokenHashes)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(shardTokenHashes), digest);
        return BinaryPrimitives.ReadUInt64LittleEndian(digest);
    }
}
