using System.Numerics;

namespace RnnLm.Shared;

/// <summary>
/// Where each named parameter lies in the flat float32 buffer that holds a whole model. Names, shapes and order are
/// those of the model's state dict: embedding, then what the cell declares for each layer, then the output layer.
/// Behind the parameters lies the state that is carried from step to step, if the job carries one.
/// </summary>
public sealed class ParameterLayout
{
    private readonly CellDeclaration _cell;

    private ParameterLayout(ModelSettings model, CellDeclaration cell, IReadOnlyList<ParameterSegment> segments)
    {
        _cell = cell;
        Segments = segments;
        Length = segments[^1].End;
        IsTied = model.Tied;
        DenseStart = model.Tied ? 0 : Embedding.End;
        StateWidth = checked((int)StateWidthOf(model));
        BufferLength = checked(Length + (model.CarriedRows * StateWidth));
    }

    /// <summary>All segments in state-dict order; they tile [0, Length).</summary>
    public IReadOnlyList<ParameterSegment> Segments { get; }

    /// <summary>Number of parameters.</summary>
    public int Length { get; }

    /// <summary>Floats of a version's buffer: the parameters, then the carried states, row after row of the
    /// batch.</summary>
    public int BufferLength { get; }

    /// <summary>Floats of one row's state: layer after layer, each as its cell has it.</summary>
    public int StateWidth { get; }

    /// <summary>The carried states (rows of the batch, state of a row); null when the job carries none.</summary>
    public ParameterSegment? CarriedStates => BufferLength == Length
        ? null
        : new("carried_states", [(BufferLength - Length) / StateWidth, StateWidth], Length);

    /// <summary>From where on gradients are dense: those of embedding rows travel by themselves, unless the embedding
    /// is the output layer's weight too.</summary>
    public int DenseStart { get; }

    /// <summary>Floats of a gradient that are dense: parameters from <see cref="DenseStart"/> on, and in the place of
    /// the carried states those after the step.</summary>
    public int DenseLength => BufferLength - DenseStart;

    /// <summary>Whether the output layer's weight is the embedding.</summary>
    public bool IsTied { get; }

    /// <summary>The embedding (V, E), always the first segment.</summary>
    public ParameterSegment Embedding => Segments[0];

    /// <summary>Rows of the embedding whose gradient can travel as such: V, or 0 when it is dense.</summary>
    public int EmbeddingRows => IsTied ? 0 : Embedding.Shape[0];

    /// <summary>Output weight (V, D).</summary>
    public ParameterSegment OutputWeight => IsTied ? Embedding : Segments[^2];

    /// <summary>Output bias (V).</summary>
    public ParameterSegment OutputBias => Segments[^1];

    /// <summary>A parameter of a layer's cell.</summary>
    /// <param name="layer">From 0 on.</param>
    /// <param name="index">Among the <see cref="CellDeclaration.Parameters"/>.</param>
    public ParameterSegment OfCell(int layer, int index) => Segments[1 + (_cell.Parameters.Count * layer) + index];

    /// <summary>Where the carried state of a row begins in a version's buffer.</summary>
    /// <param name="row">Of the step's batch, from 0 on.</param>
    public int StateOf(int row) => checked(Length + (row * StateWidth));

    /// <summary>The layout of the model with these settings.</summary>
    /// <exception cref="RnnLmException">There are more parameters than a buffer can hold, or the cell cannot have this
    /// dimension (exit code 2); the cell is not registered (exit code 3).</exception>
    public static ParameterLayout For(ModelSettings model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var cell = CellDeclaration.Of(model.Cell);
        if (BufferCountOf(model) is var count && count > int.MaxValue)
        {
            throw count > CountOf(model)
                ? RnnLmException.Usage(
                    $"the parameters and the states of {model.CarriedRows} rows, which --bptt carries, are {count} " +
                    $"values, more than {int.MaxValue}; use a smaller --batch or --dimension")
                : RnnLmException.Usage(
                    $"a model with vocabulary {model.VocabularySize}, dimension {model.Dimension} and {model.Layers} " +
                    $"layers has more than {int.MaxValue} parameters; use a smaller --dimension or vocabulary");
        }

        var segments = new List<ParameterSegment>();
        void Add(ParameterSegment segment) =>
            segments.Add(segment with { Offset = segments.Count == 0 ? 0 : segments[^1].End });

        Add(new("embedding.weight", [model.VocabularySize, model.EmbeddingWidth], 0));
        for (int layer = 0; layer < model.Layers; layer++)
        {
            int inputs = model.InputWidth(layer);
            foreach (var parameter in cell.Parameters)
            {
                int[] shape = [.. parameter.Shape(inputs, model.Dimension).Select(extent => (int)extent)];
                Add(new($"rnn.{cell.Key(layer, parameter)}", shape, 0)
                {
                    InitialRange = parameter.InitialRange?.Invoke(inputs, model.Dimension),
                    ModuleName = $"rnn.rnn_units.{layer}.{parameter.Name}",
                });
            }
        }

        if (!model.Tied)
        {
            Add(new("fc.weight", [model.VocabularySize, model.Dimension], 0));
        }

        Add(new("fc.bias", [model.VocabularySize], 0));
        return new ParameterLayout(model, cell, segments);
    }

    /// <summary>Floats of a version's buffer, be they too many for one.</summary>
    /// <inheritdoc cref="CountOf"/>
    public static BigInteger BufferCountOf(ModelSettings model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var count = CountOf(model);

        // The width of a state may not be a number where the cell's matrices are too large to be.
        return count > int.MaxValue
            ? count
            : count + ((BigInteger)model.CarriedRows * StateWidthOf(model));
    }

    /// <summary>Floats of one row's state.</summary>
    /// <inheritdoc cref="CountOf"/>
    public static long StateWidthOf(ModelSettings model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.Layers * CellDeclaration.Of(model.Cell).StateWidth(model.Dimension);
    }

    /// <summary>Number of parameters of a model, be it too large for a buffer.</summary>
    /// <exception cref="RnnLmException">The cell cannot have this dimension, or the embedding cannot be tied (exit code
    /// 2); the cell is not registered (exit code 3).</exception>
    public static BigInteger CountOf(ModelSettings model)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.Tied && model.EmbeddingWidth != model.Dimension)
        {
            throw RnnLmException.Usage(
                $"an embedding of width {model.EmbeddingWidth} cannot be the output layer's weight too, which has " +
                $"width {model.Dimension}; make --embedding and --dimension the same, or leave out --tie");
        }

        BigInteger vocabulary = model.VocabularySize;
        var count = (vocabulary * model.EmbeddingWidth) + (model.Tied ? 0 : vocabulary * model.Dimension) + vocabulary;
        foreach (var parameter in CellDeclaration.Of(model.Cell).Parameters)
        {
            BigInteger Of(long inputs) => parameter.HasShape(inputs, model.Dimension)
                ? parameter.Shape(inputs, model.Dimension)
                    .Aggregate(BigInteger.One, (product, extent) => product * extent)
                : throw RnnLmException.Usage(
                    $"a cell {model.Cell} cannot have dimension {model.Dimension}: its parameter {parameter.Name} " +
                    "would be empty; use another --dimension");

            count += Of(model.InputWidth(0)) + ((model.Layers - 1) * Of(model.Dimension));
        }

        return count;
    }
}
