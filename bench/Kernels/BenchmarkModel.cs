namespace RnnLm.Kernels.Benchmarks;

/// <summary>The sizes that are measured, with random parameters and tokens.</summary>
internal static class BenchmarkModel
{
    /// <summary>The lm-book preset.</summary>
    public static ModelSettings LmBook { get; } =
        new(VocabularySize: 32_011, Dimension: 128, Layers: 2, PaddingId: 32_000);

    /// <summary>A character model.</summary>
    public static ModelSettings Characters { get; } = new(VocabularySize: 80, Dimension: 256, Layers: 2, PaddingId: -1);

    /// <summary>Uniform in [-scale, scale).</summary>
    public static FloatBuffer Uniform(int length, float scale)
    {
        var random = new CounterRandom(1, RandomPurpose.TestShard);
        var buffer = new FloatBuffer(length);
        for (int i = 0; i < length; i++)
        {
            buffer.Span[i] = ((2 * random.UniformSingle((ulong)i)) - 1) * scale;
        }

        return buffer;
    }

    /// <summary>Examples of equal length.</summary>
    public static ShardTokens Shard(ModelSettings model, int exampleCount, int targetsPerExample, ulong index)
    {
        var random = new CounterRandom(1, RandomPurpose.TestShard, index);
        int length = targetsPerExample + 1;
        return new ShardTokens(
            [.. Enumerable.Range(0, exampleCount * length)
                .Select(i => (int)(random.Bits32((ulong)i) % (uint)model.VocabularySize))],
            [.. Enumerable.Range(0, exampleCount + 1).Select(i => i * length)]);
    }
}
