namespace RnnLm.Shared;

/// <summary>
/// Where each named parameter lies in the flat float32 buffer that holds a whole model. Names, shapes and order are
/// those of the
/// reference model's state dict: embedding, then <c>Uh, Wh, b</c> of each unit, then the output layer.
/// </summary>
public sealed class ParameterLayout
{
    private ParameterLayout(IReadOnlyList<ParameterSegment> segments)
    {
        Segments = segments;
        Length = segments[^1].End;
    }

    /// <summary>All segments in state-dict order; they tile [0, Length).</summary>
    public IReadOnlyList<ParameterSegment> Segments { get; }

    /// <summary>Number of parameters.</summary>
    public int Length { get; }

    /// <summary>The embedding (V, D), whose gradient travels as rows. It is always the first segment.</summary>
    public ParameterSegment Embedding => Segments[0];

    /// <summary>Output weight (V, D).</summary>
    public ParameterSegment OutputWeight => Segments[^2];

    /// <summary>Output bias (V).</summary>
    public ParameterSegment OutputBias => Segments[^1];

    /// <summary>Recurrent matrix of layer <paramref name="layer"/> (D, D), applied as h·Uh.</summary>
    public ParameterSegment Uh(int layer) => Segments[1 + (3 * layer)];

    /// <summary>Input matrix of layer <paramref name="layer"/> (D, D), applied as x·Wh.</summary>
    public ParameterSegment Wh(int layer) => Segments[2 + (3 * layer)];

    /// <summary>Bias of layer <paramref name="layer"/> (D).</summary>
    public ParameterSegment Bias(int layer) => Segments[3 + (3 * layer)];

    /// <summary>The layout of the stacked Elman language model with these settings.</summary>
    /// <exception cref="RnnLmException">There are more parameters than a buffer can hold (exit code 2).</exception>
    public static ParameterLayout For(ModelSettings model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var segments = new List<ParameterSegment>();
        int offset = 0;
        int dimension = model.Dimension;
        void Add(string name, params int[] shape)
        {
            long end = offset + shape.Aggregate(1L, (product, extent) => product * extent);
            if (end > int.MaxValue)
            {
                throw RnnLmException.Usage(
                    $"a model with vocabulary {model.VocabularySize}, dimension {dimension} and {model.Layers} " +
                    $"layers has more than {int.MaxValue} parameters; use a smaller --dimension or vocabulary");
            }

            segments.Add(new ParameterSegment(name, shape, offset));
            offset = (int)end;
        }

        Add("embedding.weight", model.VocabularySize, dimension);
        for (int layer = 0; layer < model.Layers; layer++)
        {
            Add($"rnn.rnn_units.{layer}.Uh", dimension, dimension);
            Add($"rnn.rnn_units.{layer}.Wh", dimension, dimension);
            Add($"rnn.rnn_units.{layer}.b", dimension);
        }

        Add("fc.weight", model.VocabularySize, dimension);
        Add("fc.bias", model.VocabularySize);
        return new ParameterLayout(segments);
    }
}
