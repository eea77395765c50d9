using RnnLm.Shared.Parameters;

namespace RnnLm.Checkpoints.Safetensors;

/// <summary>Gives the elements of a tensor, row-major, at the moment they are written; nothing is copied.</summary>
public delegate ReadOnlySpan<float> TensorElements();

/// <summary>A float32 tensor to be written under a name. Its elements must not change until they are written.</summary>
/// <param name="Name">Unique in its file.</param>
/// <param name="Shape">Row-major shape; empty for a scalar.</param>
/// <param name="Elements">As many elements as the product of the shape.</param>
public sealed record NamedTensor(string Name, IReadOnlyList<int> Shape, TensorElements Elements)
{
    /// <summary>A tensor in managed memory, or in native memory behind a <see cref="System.Buffers.MemoryManager{T}"/>.</summary>
    public static NamedTensor FromMemory(string name, IReadOnlyList<int> shape, ReadOnlyMemory<float> elements) =>
        new(name, shape, () => elements.Span);

    /// <summary>A tensor at <paramref name="address"/> in native memory.</summary>
    /// <param name="name">Unique in its file.</param>
    /// <param name="shape">Row-major shape; empty for a scalar.</param>
    /// <param name="address">Address of the first of the shape's product of float32 elements.</param>
    /// <param name="owner">Kept alive as long as this tensor, so that its finaliser does not free the memory.</param>
    public static NamedTensor FromNative(string name, IReadOnlyList<int> shape, nint address, object? owner = null)
    {
        int length = ElementCount(shape);
        return new(name, shape, () =>
        {
            GC.KeepAlive(owner);
            unsafe
            {
                return new ReadOnlySpan<float>((void*)address, length);
            }
        });
    }

    /// <summary>The parameters of a model in their order, cut out of the flat buffer that holds them.</summary>
    /// <param name="layout">Names, shapes and offsets.</param>
    /// <param name="flat">Gives the flat buffer (layout.Length).</param>
    /// <param name="prefix">Put before each name, e.g. <c>exp_avg.</c> for a moment of the optimiser.</param>
    public static IReadOnlyList<NamedTensor> FromLayout(ParameterLayout layout, TensorElements flat, string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(layout);
        return [.. layout.Segments.Select(segment =>
            new NamedTensor(prefix + segment.Name, segment.Shape, () => flat().Slice(segment.Offset, segment.Length)))];
    }

    internal static int ElementCount(IReadOnlyList<int> shape) => shape.Aggregate(1, (product, extent) => checked(product * extent));
}
