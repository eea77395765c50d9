namespace RnnLm.Coordinator;

/// <summary>
/// Divides a run of shards among workers by their speeds. Who gets which shard never changes a bit of the result.
/// </summary>
public static class ShardDivision
{
    /// <summary>
    /// Gives each worker a contiguous run of shards, as aligned ranges, so that the slowest is done as early as
    /// possible.
    /// </summary>
    /// <param name="start">First shard.</param>
    /// <param name="end">One past the last shard.</param>
    /// <param name="speeds">Shards a second of each worker, all positive.</param>
    /// <returns>The ranges of each worker, in the order of <paramref name="speeds"/>; they tile [start, end).</returns>
    public static IReadOnlyList<IReadOnlyList<ShardRange>> Divide(int start, int end, IReadOnlyList<double> speeds)
    {
        ArgumentNullException.ThrowIfNull(speeds);
        ArgumentOutOfRangeException.ThrowIfZero(speeds.Count, nameof(speeds));
        var counts = new int[speeds.Count];
        for (int shard = start; shard < end; shard++)
        {
            int fastest = 0;
            for (int worker = 1; worker < counts.Length; worker++)
            {
                if ((counts[worker] + 1) / speeds[worker] < (counts[fastest] + 1) / speeds[fastest])
                {
                    fastest = worker;
                }
            }

            counts[fastest]++;
        }

        var ranges = new IReadOnlyList<ShardRange>[counts.Length];
        for (int worker = 0, next = start; worker < counts.Length; worker++)
        {
            ranges[worker] = ShardRange.Tile(next, next + counts[worker]);
            next += counts[worker];
        }

        return ranges;
    }
}
