namespace RnnLm.Shared;

/// <summary>One named parameter inside the flat buffer of a model.</summary>
/// <param name="Name">State-dict key in files, e.g. <c>rnn.rnn_units.0.Uh</c>.</param>
/// <param name="Shape">Row-major shape.</param>
/// <param name="Offset">Index of the first element in the flat buffer.</param>
public sealed record ParameterSegment(string Name, IReadOnlyList<int> Shape, int Offset)
{
    /// <summary>Of its first values, where the cell says it (<see cref="CellParameter"/>).</summary>
    public (double Low, double High)? InitialRange { get; init; }

    /// <summary>Its name inside the module of the model, where that is another than in files.</summary>
    public string ModuleName { get; init; } = Name;

    /// <summary>Number of elements.</summary>
    public int Length { get; } = Shape.Aggregate(1, (product, extent) => checked(product * extent));

    /// <summary>One past the last element in the flat buffer.</summary>
    public int End => Offset + Length;
}
