namespace RnnLm.Worker;

/// <summary>Examples of any length, a stretch at a time: what a loss without gradient needs of memory does not grow with
/// them.</summary>
internal static class LongText
{
    /// <summary>Inputs of a stretch.</summary>
    private const int StretchInputs = 512;

    /// <summary>Whether an example is longer than a stretch.</summary>
    public static bool IsIn(ShardTokens shard) =>
        Enumerable.Range(0, shard.ExampleCount).Any(example => shard.Example(example).Length > StretchInputs + 1);

    /// <summary>The same examples stretch by stretch: tokens, and which example each of them goes on with. A stretch
    /// begins with the token that the one before predicted last.</summary>
    public static IEnumerable<(ShardTokens Tokens, int[] Examples)> PiecesOf(ShardTokens shard)
    {
        ArgumentNullException.ThrowIfNull(shard);
        int[] lengths = [.. Enumerable.Range(0, shard.ExampleCount).Select(i => shard.Example(i).Length)];
        for (int first = 0; first + 1 < lengths.DefaultIfEmpty().Max(); first += StretchInputs)
        {
            var ids = new List<int>();
            var starts = new List<int> { 0 };
            int[] examples = [.. Enumerable.Range(0, lengths.Length).Where(i => first + 1 < lengths[i])];
            foreach (int example in examples)
            {
                int end = Math.Min(lengths[example], first + StretchInputs + 1);
                ids.AddRange(shard.Example(example)[first..end]);
                starts.Add(ids.Count);
            }

            yield return (new ShardTokens([.. ids], [.. starts]), examples);
        }
    }
}
