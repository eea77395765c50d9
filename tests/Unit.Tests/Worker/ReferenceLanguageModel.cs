namespace RnnLm.Tests;

/// <summary>The model written down as its formula says, one example after the other, in double.</summary>
/// <param name="model">Its sizes.</param>
/// <param name="cell">Its cell; the one of <see cref="ReferenceCells"/> if not given.</param>
internal sealed class ReferenceLanguageModel(ModelSettings model, ReferenceCells.Layer? cell = null)
{
    private readonly ReferenceCells.Layer _cell = cell ?? ReferenceCells.All[model.Cell];

    private readonly int _cellParameters = CellDeclaration.Of(model.Cell).Parameters.Count;
    private readonly ParameterLayout _layout = ParameterLayout.For(model);

    public double Loss(double[] parameters, ShardTokens shard)
    {
        double loss = 0;
        for (int i = 0; i < shard.ExampleCount; i++)
        {
            int[] example = shard.Example(i).ToArray();
            double[][] rows = [.. example[..^1].Select(id =>
                Slice(parameters, _layout.Embedding.Offset + (id * model.EmbeddingWidth)))];
            for (int layer = 0; layer < model.Layers; layer++)
            {
                rows = _cell(rows, [.. Enumerable.Range(0, _cellParameters).Select(index =>
                    _layout.OfCell(layer, index) is var segment ? parameters[segment.Offset..segment.End] : [])]);
            }

            for (int t = 0; t < rows.Length; t++)
            {
                loss += CrossEntropy(parameters, rows[t], example[t + 1]);
            }
        }

        return loss;
    }

    /// <summary>The slope of the loss along each parameter, by central differences; the padding token's row is a
    /// constant.</summary>
    public double[] Slopes(double[] parameters, ShardTokens shard)
    {
        const double Step = 1e-5;
        double[] moved = [.. parameters];
        var slopes = new double[moved.Length];
        for (int i = 0; i < moved.Length; i++)
        {
            moved[i] = parameters[i] + Step;
            double above = Loss(moved, shard);
            moved[i] = parameters[i] - Step;
            slopes[i] = (above - Loss(moved, shard)) / (2 * Step);
            moved[i] = parameters[i];
        }

        if (model.PaddingId >= 0 && !model.Tied)
        {
            slopes.AsSpan(model.PaddingId * model.EmbeddingWidth, model.EmbeddingWidth).Clear();
        }

        return slopes;
    }

    private double CrossEntropy(double[] parameters, double[] hidden, int target)
    {
        var logits = new double[model.VocabularySize];
        for (int v = 0; v < logits.Length; v++)
        {
            logits[v] = parameters[_layout.OutputBias.Offset + v];
            for (int k = 0; k < hidden.Length; k++)
            {
                logits[v] += hidden[k] * parameters[_layout.OutputWeight.Offset + (v * hidden.Length) + k];
            }
        }

        return Math.Log(logits.Sum(logit => Math.Exp(logit - logits.Max()))) + logits.Max() - logits[target];
    }

    private double[] Slice(double[] parameters, int offset) => parameters[offset..(offset + model.EmbeddingWidth)];
}
