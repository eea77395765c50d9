namespace RnnLm.Cli.Tests;

/// <summary>
/// The stacked Elman language model of a checkpoint, computed serially in double as its formulas are written.
/// </summary>
internal sealed class ReferenceModel
{
    private readonly int _dimension;
    private readonly int _vocabulary;
    private readonly double[] _embedding;
    private readonly (double[] Uh, double[] Wh, double[] B)[] _units;
    private readonly double[] _weight;
    private readonly double[] _bias;

    /// <summary>The model of a checkpoint.</summary>
    /// <param name="run">Its run.</param>
    /// <param name="checkpoint"><c>checkpoints/step-00000000.1</c> or <c>final</c>.</param>
    public ReferenceModel(RunFiles run, string checkpoint)
    {
        ModelSettings model = run.Job.Model;
        _dimension = model.Dimension;
        _vocabulary = model.VocabularySize;
        _embedding = run.Parameter(checkpoint, "embedding.weight");
        _units =
        [
            .. Enumerable.Range(0, model.Layers).Select(layer => (
                run.Parameter(checkpoint, $"rnn.rnn_units.{layer}.Uh"),
                run.Parameter(checkpoint, $"rnn.rnn_units.{layer}.Wh"),
                run.Parameter(checkpoint, $"rnn.rnn_units.{layer}.b"))),
        ];
        _weight = run.Parameter(checkpoint, "fc.weight");
        _bias = run.Parameter(checkpoint, "fc.bias");
    }

    /// <summary>Sum over t of −ln P(target[t] | input[0..t]), nats; hidden states begin at zero.</summary>
    public double Loss(IReadOnlyList<int> input, IReadOnlyList<int> target)
    {
        double[][] states = [.. _units.Select(_ => new double[_dimension])];
        double loss = 0;
        for (int t = 0; t < input.Count; t++)
        {
            double[] x = _embedding[(input[t] * _dimension)..((input[t] + 1) * _dimension)];
            for (int layer = 0; layer < _units.Length; layer++)
            {
                var (uh, wh, b) = _units[layer];
                double[] h = states[layer];
                states[layer] = x = [.. Enumerable.Range(0, _dimension).Select(j =>
                    Math.Tanh(b[j] + Column(x, wh, j) + Column(h, uh, j)))];
            }

            double[] logits = [.. Enumerable.Range(0, _vocabulary).Select(v =>
                _bias[v] + Enumerable.Range(0, _dimension).Sum(k => _weight[(v * _dimension) + k] * x[k]))];
            double most = logits.Max();
            loss += most + Math.Log(logits.Sum(logit => Math.Exp(logit - most))) - logits[target[t]];
        }

        return loss;
    }

    private double Column(double[] row, double[] matrix, int column) =>
        Enumerable.Range(0, _dimension).Sum(k => row[k] * matrix[(k * _dimension) + column]);
}
