namespace RnnLm.Tests;

/// <summary>The model written down as its formula says, one example after the other, in double.</summary>
/// <param name="model">Its sizes.</param>
/// <param name="cell">Outputs of a layer for its inputs and its cell's parameters; Elman's if not given.</param>
internal sealed class ReferenceLanguageModel(ModelSettings model, Func<double[][], double[][], double[][]>? cell = null)
{
    private readonly Func<double[][], double[][], double[][]> _cell =
        cell ?? ((inputs, parameters) => Layer(inputs, parameters[0], parameters[1], parameters[2]));

    private readonly int _cellParameters = CellDeclaration.Of(model.Cell).Parameters.Count;
    private readonly ParameterLayout _layout = ParameterLayout.For(model);

    public double Loss(double[] parameters, ShardTokens shard)
    {
        double loss = 0;
        for (int i = 0; i < shard.ExampleCount; i++)
        {
            int[] example = shard.Example(i).ToArray();
            double[][] rows = [.. example[..^1].Select(id =>
                Slice(parameters, _layout.Embedding.Offset + (id * model.Dimension)))];
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

    /// <summary>h_t = tanh(x_t·Wh + h_{t-1}·Uh + b) over one example.</summary>
    public static double[][] Layer(
        double[][] inputs, ReadOnlySpan<double> uh, ReadOnlySpan<double> wh, ReadOnlySpan<double> bias)
    {
        int dimension = bias.Length;
        var outputs = new double[inputs.Length][];
        var state = new double[dimension];
        for (int t = 0; t < inputs.Length; t++)
        {
            var next = new double[dimension];
            for (int j = 0; j < dimension; j++)
            {
                double sum = bias[j];
                for (int k = 0; k < dimension; k++)
                {
                    sum += (inputs[t][k] * wh[(k * dimension) + j]) + (state[k] * uh[(k * dimension) + j]);
                }

                next[j] = Math.Tanh(sum);
            }

            outputs[t] = state = next;
        }

        return outputs;
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

    private double[] Slice(double[] parameters, int offset) => parameters[offset..(offset + model.Dimension)];
}
