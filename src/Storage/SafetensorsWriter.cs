using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RnnLm.Storage;

/// <summary>
/// Writes safetensors files (format: https://github.com/huggingface/safetensors, "Format"): 8 bytes little-endian
/// header length, a JSON header padded with spaces to a multiple of 8 bytes, the elements. Tensors keep the order
/// given, and the only metadata is
/// <c>{"format":"pt"}</c>, which PyTorch's tools look for: the same tensors give the same bytes.
/// </summary>
public static class SafetensorsWriter
{
    private const int AlignmentBytes = 8;

    // A multiple of the alignment; byte counts of one piece stay far below 2^31.
    private const int PieceElements = 1 << 18;

    /// <summary>Creates or replaces <paramref name="path"/> atomically and durably.</summary>
    /// <exception cref="RnnLmException">Exit code 6: the file cannot be written.</exception>
    /// <exception cref="ArgumentException">Two tensors share a name, or elements do not fill a shape.</exception>
    public static void Write(string path, IReadOnlyList<NamedTensor> tensors)
    {
        string full = Path.GetFullPath(path);
        StorageFailure.Guard("write", full, () =>
            AtomicFile.Write(FileOperations.Default, full, "write", () => { }, file => Write(file, tensors)));
    }

    internal static void Write(DurableFile file, IReadOnlyList<NamedTensor> tensors)
    {
        file.Write(Header(tensors));
        foreach (NamedTensor tensor in tensors)
        {
            ReadOnlySpan<float> elements = tensor.Elements();
            if (elements.Length != NamedTensor.ElementCount(tensor.Shape))
            {
                throw new ArgumentException($"tensor {tensor.Name} has {elements.Length} elements", nameof(tensors));
            }

            for (int start = 0; start < elements.Length; start += PieceElements)
            {
                // Every platform .NET runs on is little-endian, as the format asks.
                int count = Math.Min(PieceElements, elements.Length - start);
                file.Write(MemoryMarshal.AsBytes(elements.Slice(start, count)));
            }
        }
    }

    private static byte[] Header(IReadOnlyList<NamedTensor> tensors)
    {
        // A name that comes twice is refused by Add.
        var json = new JsonObject { [SafetensorsFile.MetadataKey] = new JsonObject { ["format"] = "pt" } };
        long offset = 0;
        foreach (NamedTensor tensor in tensors)
        {
            long end = offset + ((long)NamedTensor.ElementCount(tensor.Shape) * sizeof(float));
            json.Add(tensor.Name, new JsonObject
            {
                ["dtype"] = SafetensorsFile.Float32,
                ["shape"] = new JsonArray([.. tensor.Shape.Select(extent => (JsonNode)extent)]),
                ["data_offsets"] = new JsonArray(offset, end),
            });
            offset = end;
        }

        byte[] text = JsonSerializer.SerializeToUtf8Bytes(json);
        int padded = (text.Length + AlignmentBytes - 1) / AlignmentBytes * AlignmentBytes;
        byte[] header = new byte[sizeof(ulong) + padded];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)padded);
        header.AsSpan(sizeof(ulong)).Fill((byte)' ');
        text.CopyTo(header.AsSpan(sizeof(ulong)));
        return header;
    }
}

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
    /// <param name="prefix">Put before each name, e.g. <c>first_moment.</c> for a moment of the optimizer.</param>
    public static IReadOnlyList<NamedTensor> FromLayout(ParameterLayout layout, TensorElements flat, string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(layout);
        return [.. layout.Segments.Select(segment =>
            new NamedTensor(prefix + segment.Name, segment.Shape, () => flat().Slice(segment.Offset, segment.Length)))];
    }

    internal static int ElementCount(IReadOnlyList<int> shape) =>
        shape.Aggregate(1, (product, extent) => checked(product * extent));
}
