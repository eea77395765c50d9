namespace RnnLm.Tests;

public sealed class Values_that_are_dropped
{
    private static readonly ModelSettings s_model = new(
        VocabularySize: 31, Dimension: 50, Layers: 2, PaddingId: -1, "lstm", Embedding: 33, Dropout: 0.4, DropoutSeed: 3);

    [Fact]
    public void Are_as_many_as_asked_and_the_others_keep_the_mean()
    {
        var dropout = new Dropout(s_model, step: 5);
        float[] factors = new float[50];
        var all = new List<float>();
        for (int place = 0; place < 3 * 20 * 30; place++)
        {
            dropout.Fill(place % 3, place / 3 % 20, place / 60, factors);
            all.AddRange(factors);
        }

        float[] values = [.. all.Distinct().Order()];
        Assert.Equal([0, (float)(1 / 0.6)], values);
        double share = all.Count(value => value == 0) / (double)all.Count;

        // Four standard deviations of 90,000 draws.
        Assert.Equal(0.4, share, 4 * Math.Sqrt(0.24 / all.Count));
    }

    [Fact]
    public void Follow_from_each_of_seed_step_example_token_and_layer_and_from_nothing_else()
    {
        static float[] Draw(
            ModelSettings model, long step = 5, int layer = 1, int example = 7, int token = 9, int width = 33)
        {
            float[] factors = new float[width];
            new Dropout(model, step).Fill(layer, example, token, factors);
            return factors;
        }

        float[] first = Draw(s_model);
        Assert.Equal(first, Draw(s_model));
        Assert.Equal(first, Draw(s_model, width: 50)[..33]);
        float[][] others =
        [
            Draw(s_model with { DropoutSeed = 4 }), Draw(s_model, step: 6), Draw(s_model, layer: 0),
            Draw(s_model, layer: 2), Draw(s_model, example: 8), Draw(s_model, token: 10),
            Draw(s_model, step: 5 + (1L << 20)), Draw(s_model, example: 9, token: 7),
        ];
        Assert.All(others, other => Assert.NotEqual(first, other));
        Assert.Equal(others.Length, others.Select(other => string.Join(',', other)).Distinct().Count());
    }

    /// <summary>The masks belong to the examples: cut into other shards the step's loss is the same.</summary>
    [Fact]
    public void Are_the_same_however_the_batch_is_cut()
    {
        using var replica = new FusedReplica(s_model);
        using var parameters = Numbers.Uniform(replica.Layout.BufferLength, 0.5, 6);
        int[][] examples = [.. Enumerable.Range(0, 6).Select(i => Numbers.Ids(4 + i, 31, (ulong)i))];
        double Loss(params int[] cuts)
        {
            double sum = 0;
            using var gradient = new Gradient(replica.Layout);
            foreach (var (first, end) in cuts.Zip(cuts.Skip(1)))
            {
                int[][] slice = examples[first..end];
                var shard = new ShardTokens(
                    [.. slice.SelectMany(ids => ids)],
                    [.. Enumerable.Range(0, slice.Length + 1).Select(i => slice[..i].Sum(ids => ids.Length))])
                {
                    FirstExample = first,
                };
                replica.Compute(parameters, shard, gradient);
                sum += gradient.LossSum;
            }

            return sum;
        }

        double whole = Loss(0, 6);
        Assert.Equal(whole, Loss(0, 1, 2, 5, 6), 1e-4);
        Assert.Equal(whole, Loss(0, 3, 6), 1e-4);
    }
}
