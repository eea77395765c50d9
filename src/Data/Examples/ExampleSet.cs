namespace RnnLm.Data;

/// <summary>Numbered examples of a token file; none is held in memory. Any number of threads may read it.</summary>
public sealed class ExampleSet
{
    private readonly TokenFile _tokens;
    private readonly Func<long, (long Start, int Length)> _locate;

    internal ExampleSet(TokenFile tokens, long count, Func<long, (long Start, int Length)> locate) => (_tokens, Count, _locate) = (tokens, count, locate);

    /// <summary>Number of examples.</summary>
    public long Count { get; }

    /// <summary>The examples with these numbers, in this order.</summary>
    public ShardTokens Pack(ReadOnlySpan<long> indices)
    {
        if (indices.IsEmpty)
        {
            return ShardTokens.Empty;
        }

        var places = new (long Start, int Length)[indices.Length];
        int[] starts = new int[indices.Length + 1];
        for (int i = 0; i < indices.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(indices[i]);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(indices[i], Count);
            places[i] = _locate(indices[i]);
            starts[i + 1] = checked(starts[i] + places[i].Length);
        }

        int[] ids = new int[starts[^1]];
        for (int i = 0; i < places.Length; i++)
        {
            _tokens.Read(places[i].Start, ids.AsSpan(starts[i], places[i].Length));
        }

        return new ShardTokens(ids, starts);
    }
}
