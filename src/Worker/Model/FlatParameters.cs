using System.Runtime.InteropServices;

namespace RnnLm.Worker;

/// <summary>Copies between a model's parameters, on any device, and the flat float32 buffers that travel between workers and coordinator.</summary>
public static class FlatParameters
{
    /// <summary>Sets every parameter of the model.</summary>
    /// <param name="model">The model whose state dict has the layout's keys and shapes.</param>
    /// <param name="layout">Where each parameter lies in the buffer.</param>
    /// <param name="source">All parameters.</param>
    /// <exception cref="ArgumentException">The buffer or the model is not of this layout.</exception>
    public static void Load(nn.Module model, ParameterLayout layout, ReadOnlySpan<float> source)
    {
        RequireLength(layout, source.Length);
        using IDisposable unrecorded = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach ((ParameterSegment segment, Parameter parameter) in Pairs(model, layout))
        {
            ReadOnlySpan<float> values = source.Slice(segment.Offset, segment.Length);
            if (parameter.device_type == DeviceType.CPU && parameter.dtype == float32)
            {
                MemoryMarshal.AsBytes(values).CopyTo(parameter.bytes);
                continue;
            }

            Tensor staging = empty(parameter.shape, float32);
            MemoryMarshal.AsBytes(values).CopyTo(staging.bytes);
            parameter.copy_(staging);
        }
    }

    /// <summary>Copies every parameter of the model out.</summary>
    /// <inheritdoc cref="Load"/>
    public static void Read(nn.Module model, ParameterLayout layout, Span<float> destination)
    {
        RequireLength(layout, destination.Length);
        using IDisposable unrecorded = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach ((ParameterSegment segment, Parameter parameter) in Pairs(model, layout))
        {
            CopyOut(parameter, destination.Slice(segment.Offset, segment.Length));
        }
    }

    /// <summary>Copies every parameter's gradient out; zeros where a parameter has none.</summary>
    /// <inheritdoc cref="Load"/>
    public static void ReadGradients(nn.Module model, ParameterLayout layout, Span<float> destination)
    {
        RequireLength(layout, destination.Length);
        using IDisposable unrecorded = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach ((ParameterSegment segment, Parameter parameter) in Pairs(model, layout))
        {
            Span<float> target = destination.Slice(segment.Offset, segment.Length);
            if (parameter.grad is { } gradient)
            {
                CopyOut(gradient, target);
            }
            else
            {
                target.Clear();
            }
        }
    }

    /// <summary>Copies a tensor of any device out as float32.</summary>
    public static void CopyOut(Tensor source, Span<float> destination) =>
        MemoryMarshal.Cast<byte, float>(source.to(float32, CPU).contiguous().bytes).CopyTo(destination);

    private static IEnumerable<(ParameterSegment Segment, Parameter Parameter)> Pairs(nn.Module model, ParameterLayout layout)
    {
        foreach (ParameterSegment segment in layout.Segments)
        {
            Parameter parameter = model.get_parameter(segment.Name)
                ?? throw new ArgumentException($"the model has no parameter {segment.Name}");
            if (!parameter.shape.SequenceEqual(segment.Shape.Select(extent => (long)extent)))
            {
                throw new ArgumentException(
                    $"parameter {segment.Name} has shape [{string.Join(", ", parameter.shape)}], not [{string.Join(", ", segment.Shape)}]");
            }

            yield return (segment, parameter);
        }
    }

    private static void RequireLength(ParameterLayout layout, int length)
    {
        if (length != layout.Length)
        {
            throw new ArgumentException($"a buffer of {length} values cannot hold {layout.Length} parameters");
        }
    }
}
