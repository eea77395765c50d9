namespace RnnLm.Storage;

/// <summary>Gives the elements of a tensor, row-major, at the moment they are written; nothing is copied.</summary>
public delegate ReadOnlySpan<float> TensorElements();

/// <summary>A float32 tensor to be written under a name. Its elements must not change until they are written.</summary>
/// <param name="Name">Unique in its file.</param>
/// <param name="Shape">Row-major shape; empty for a scalar.</param>
/// <param name="Elements">As many elements as the product of the shape.</param>
public sealed record NamedTensor(string Name, IReadOnlyList<int> Shape, TensorElements Elements)
{
    /// <summary>The parameters of a model in their order, cut out of the flat buffer that holds them.</summary>
    /// <param name="layout">Names, shapes and offsets.</param>
    /// <param name="flat">Gives the flat buffer (layout.Length).</param>
    /// <param name="prefix">Put before each name, e.g. <c>first_moment.</c> for a moment of the optimiser.</param>
    public static IReadOnlyList<NamedTensor> FromLayout(ParameterLayout layout, TensorElements flat, string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(layout);
        return [.. layout.Segments.Select(segment =>
            new NamedTensor(prefix + segment.Name, segment.Shape, () => flat().Slice(segment.Offset, segment.Length)))];
    }

    internal static int ElementCount(IReadOnlyList<int> shape) => shape.Aggregate(1, (product, extent) => checked(product * extent));
}
