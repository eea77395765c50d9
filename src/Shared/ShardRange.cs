using System.Numerics;

namespace RnnLm.Shared;

/// <summary>
/// An aligned run of shards [Start, Start + Length): a node of the fixed binary tree over the S leaves of a step.
/// Length is a power of two and divides Start.
/// </summary>
public readonly record struct ShardRange
{
    /// <exception cref="ArgumentOutOfRangeException">The run is not aligned.</exception>
    public ShardRange(int start, int length)
    {
        if (length <= 0 || !BitOperations.IsPow2(length) || start < 0 || start % length != 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(length), $"[{start}, {start + length}) is not an aligned run of shards.");
        }

        Start = start;
        Length = length;
    }

    /// <summary>First shard.</summary>
    public int Start { get; }

    /// <summary>Number of shards, a power of two.</summary>
    public int Length { get; }

    /// <summary>One past the last shard.</summary>
    public int End => Start + Length;

    /// <summary>The node above.</summary>
    public ShardRange Parent => new(Start & ~((Length << 1) - 1), Length << 1);

    /// <summary>The other child of <see cref="Parent"/>.</summary>
    public ShardRange Sibling => new(Start ^ Length, Length);

    /// <summary>Left child; only for ranges of more than one shard.</summary>
    public ShardRange Left => new(Start, Length >> 1);

    /// <summary>Right child; only for ranges of more than one shard.</summary>
    public ShardRange Right => new(Start + (Length >> 1), Length >> 1);

    /// <summary>Whether <paramref name="other"/> is this node or below it.</summary>
    public bool Contains(ShardRange other) => Start <= other.Start && other.End <= End;

    /// <summary>The fewest aligned ranges that tile [start, end), in ascending order.</summary>
    public static IReadOnlyList<ShardRange> Tile(int start, int end)
    {
        var ranges = new List<ShardRange>();
        while (start < end)
        {
            int alignment = start == 0 ? int.MaxValue : start & -start;
            int length = Math.Min(alignment, 1 << BitOperations.Log2((uint)(end - start)));
            ranges.Add(new ShardRange(start, length));
            start += length;
        }

        return ranges;
    }

    /// <inheritdoc/>
    public override string ToString() => Length == 1 ? $"{Start}" : $"{Start}-{End - 1}";
}
