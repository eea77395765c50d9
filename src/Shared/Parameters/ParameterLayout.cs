using System.Numerics;

namespace RnnLm.Shared;

/// <summary>
/// Where each named parameter lies in the flat float32 buffer that holds a whole model. Names, shapes and order are
/// those of the model's state dict: embedding, then what the cell declares for each layer, then the output layer.
/// </summary>
public sealed class ParameterLayout
{
    private readonly CellDeclaration _cell;

    private ParameterLayout(CellDeclaration cell, IReadOnlyList<ParameterSegment> segments)
    {
        _cell = cell;
        Segments = segments;
        Length = segments[^1].End;
    }

    /// <summary>All segments in state-dict order; they tile [0, Length).</summary>
    public IReadOnlyList<ParameterSegment> Segments { get; }

    /// <summary>Number of parameters.</summary>
    public int Length { get; }

    /// <summary>The embedding (V, D), whose gradient travels as rows. It is always the first segment.</summary>
    public ParameterSegment Embedding => Segments[0];

    /// <summary>Where the dense part of a gradient begins; before it come the embedding's rows.</summary>
    public int DenseStart => Embedding.End;

    /// <summary>Output weight (V, D).</summary>
    public ParameterSegment OutputWeight => Segments[^2];

    /// <summary>Output bias (V).</summary>
    public ParameterSegment OutputBias => Segments[^1];

    /// <summary>A parameter of a layer's cell.</summary>
    /// <param name="layer">From 0 on.</param>
    /// <param name="index">Among the <see cref="CellDeclaration.Parameters"/>.</param>
    public ParameterSegment OfCell(int layer, int index) => Segments[1 + (_cell.Parameters.Count * layer) + index];

    /// <summary>The layout of the model with these settings.</summary>
    /// <exception cref="RnnLmException">There are more parameters than a buffer can hold, or the cell cannot have this
    /// dimension (exit code 2); the cell is not registered (exit code 3).</exception>
    public static ParameterLayout For(ModelSettings model)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (CountOf(model) > int.MaxValue)
        {
            throw RnnLmException.Usage(
                $"a model with vocabulary {model.VocabularySize}, dimension {model.Dimension} and {model.Layers} " +
                $"layers has more than {int.MaxValue} parameters; use a smaller --dimension or vocabulary");
        }

        var cell = CellDeclaration.Of(model.Cell);
        var segments = new List<ParameterSegment>();
        void Add(string name, long[] shape, (double Low, double High)? range = null) => segments.Add(new(
            name, [.. shape.Select(extent => (int)extent)], segments.Count == 0 ? 0 : segments[^1].End, range));

        Add("embedding.weight", [model.VocabularySize, model.Dimension]);
        for (int layer = 0; layer < model.Layers; layer++)
        {
            foreach (var parameter in cell.Parameters)
            {
                Add(
                    $"rnn.rnn_units.{layer}.{parameter.Name}",
                    parameter.Shape(model.Dimension),
                    parameter.InitialRange?.Invoke(model.Dimension));
            }
        }

        Add("fc.weight", [model.VocabularySize, model.Dimension]);
        Add("fc.bias", [model.VocabularySize]);
        return new ParameterLayout(cell, segments);
    }

    /// <summary>Number of parameters of a model, be it too large for a buffer.</summary>
    /// <exception cref="RnnLmException">The cell cannot have this dimension (exit code 2) or is not registered (exit
    /// code 3).</exception>
    public static BigInteger CountOf(ModelSettings model)
    {
        ArgumentNullException.ThrowIfNull(model);
        BigInteger vocabulary = model.VocabularySize;
        var layer = BigInteger.Zero;
        foreach (var parameter in CellDeclaration.Of(model.Cell).Parameters)
        {
            if (!parameter.HasShape(model.Dimension))
            {
                throw RnnLmException.Usage(
                    $"a cell {model.Cell} cannot have dimension {model.Dimension}: its parameter {parameter.Name} " +
                    "would be empty; use another --dimension");
            }

            layer += parameter.Shape(model.Dimension)
                .Aggregate(BigInteger.One, (product, extent) => product * extent);
        }

        return (vocabulary * ((2 * (BigInteger)model.Dimension) + 1)) + (model.Layers * layer);
    }
}
