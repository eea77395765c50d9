using System.Collections;

namespace RnnLm.Data;

/// <summary>All examples of a set in order, as pieces of bounded size that are read when they are asked for. Any number of threads may read it.</summary>
/// <param name="examples">The examples.</param>
/// <param name="examplesPerPiece">Most examples of a piece.</param>
public sealed class ExamplePieces(ExampleSet examples, int examplesPerPiece = ExamplePieces.UsualSize) : IReadOnlyList<ShardTokens>
{
    /// <summary>Enough examples for full matrix products, few enough to share out among workers.</summary>
    public const int UsualSize = 32;

    /// <inheritdoc/>
    public int Count { get; } = checked((int)((examples.Count + examplesPerPiece - 1) / examplesPerPiece));

    /// <inheritdoc/>
    public ShardTokens this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            long first = (long)index * examplesPerPiece;
            long[] indices = new long[Math.Min(examplesPerPiece, examples.Count - first)];
            for (int i = 0; i < indices.Length; i++)
            {
                indices[i] = first + i;
            }

            return examples.Pack(indices);
        }
    }

    /// <inheritdoc/>
    public IEnumerator<ShardTokens> GetEnumerator() => Enumerable.Range(0, Count).Select(index => this[index]).GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
