using System.Runtime.InteropServices;

namespace RnnLm.Shared;

/// <summary>The hash that ties a range's gradient to the token ids it was computed from.</summary>
public static class TokenHash
{
    /// <summary>First 64 bits of the SHA-256 over the hashes of the range's shards, in order.</summary>
    public static ulong OfRange(IReadOnlyList<ShardTokens> shards)
    {
        ArgumentNullException.ThrowIfNull(shards);
        return OfHashes([.. shards.Select(shard => shard.Hash())]);
    }

    /// <summary>The same from the shards' hashes.</summary>
    public static ulong OfHashes(ReadOnlySpan<ulong> shardHashes) =>
        BitConverter.ToUInt64(System.Security.Cryptography.SHA256.HashData(MemoryMarshal.AsBytes(shardHashes)));
}
