using System.Buffers.Binary;
using System.Security.Cryptography;

namespace RnnLm.Shared;

/// <summary>
/// The examples of one shard, packed: example i is <c>Ids[Starts[i] .. Starts[i+1])</c>, a sequence t[0..T] of at least
/// two tokens whose input is
/// all but the last token and whose target is all but the first. A shard may hold no examples.
/// </summary>
public sealed record ShardTokens(int[] Ids, int[] Starts)
{
    /// <summary>A shard without examples: the identity of every sum.</summary>
    public static ShardTokens Empty { get; } = new([], [0]);

    /// <summary>Number, in the step's batch, of the first of these examples: the row whose state it goes on from, and
    /// what dropout draws by.</summary>
    public int FirstExample { get; init; }

    /// <summary>Number of examples.</summary>
    public int ExampleCount => Starts.Length - 1;

    /// <summary>Number of predicted tokens.</summary>
    public int TargetCount => Ids.Length - ExampleCount;

    /// <summary>All tokens t[0..T] of example <paramref name="index"/>.</summary>
    public ReadOnlySpan<int> Example(int index) => Ids.AsSpan(Starts[index], Starts[index + 1] - Starts[index]);

    /// <summary>
    /// First 64 bits of the SHA-256 over <see cref="Starts"/> and <see cref="Ids"/> (little-endian int32): what a
    /// worker returns to show which tokens its gradient came from.
    /// </summary>
    public ulong Hash()
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(sha, Starts);
        Append(sha, Ids);
        Span<byte> digest = stackalloc byte[32];
        sha.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt64LittleEndian(digest);
    }

    private static void Append(IncrementalHash sha, ReadOnlySpan<int> values)
    {
        // Every platform .NET runs on is little-endian, so memory order is the documented order.
        sha.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values));
    }
}
