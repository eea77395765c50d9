using System.Runtime.InteropServices;

namespace RnnLm.Worker;

/// <summary>Copies between tensors, on any device, and the flat float32 buffers that travel between workers and
/// coordinator.</summary>
public static class FlatParameters
{
    /// <summary>Sets every parameter of the model.</summary>
    /// <param name="model">The model whose state dict has the layout's keys and shapes.</param>
    /// <param name="layout">Where each parameter lies in the buffer.</param>
    /// <param name="source">All parameters.</param>
    /// <exception cref="ArgumentException">The buffer or the model is not of this layout.</exception>
    public static void Load(nn.Module model, ParameterLayout layout, ReadOnlySpan<float> source)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(layout);
        if (source.Length != layout.Length && source.Length != layout.BufferLength)
        {
            throw new ArgumentException($"a buffer of {source.Length} values cannot hold {layout.Length} parameters");
        }

        using IDisposable unrecorded = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach (ParameterSegment segment in layout.Segments)
        {
            CopyIn(source, segment, model.get_parameter(segment.ModuleName)
                ?? throw new ArgumentException($"the model has no parameter {segment.ModuleName}"));
        }
    }

    /// <summary>Copies a segment of a flat buffer into a tensor of its shape, on any device.</summary>
    /// <exception cref="ArgumentException">The tensor has another shape.</exception>
    public static void CopyIn(ReadOnlySpan<float> source, ParameterSegment segment, Tensor destination)
    {
        ArgumentNullException.ThrowIfNull(segment);
        ArgumentNullException.ThrowIfNull(destination);
        long[] shape = [.. segment.Shape.Select(extent => (long)extent)];
        if (!destination.shape.SequenceEqual(shape))
        {
            throw new ArgumentException(
                $"parameter {segment.Name} has shape [{string.Join(", ", destination.shape)}], " +
                $"not [{string.Join(", ", shape)}]");
        }

        using Tensor staging = empty(shape, float32);
        MemoryMarshal.AsBytes(source.Slice(segment.Offset, segment.Length)).CopyTo(staging.bytes);
        destination.copy_(staging);
    }

    /// <summary>Copies a tensor of any device out as float32.</summary>
    public static void CopyOut(Tensor source, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(source);
        using Tensor there = source.detach().to(float32, CPU).contiguous();
        MemoryMarshal.Cast<byte, float>(there.bytes).CopyTo(destination);
    }
}
