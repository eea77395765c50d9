using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace RnnLm.Storage;

/// <summary>
/// Writes safetensors files (format: https://github.com/huggingface/safetensors, "Format"): 8 bytes little-endian header length, a JSON header
/// padded with spaces to a multiple of 8 bytes, the elements. Tensors keep the order given, and the only metadata is
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
                throw new ArgumentException($"tensor {tensor.Name} of shape [{string.Join(", ", tensor.Shape)}] has {elements.Length} elements", nameof(tensors));
            }

            for (int start = 0; start < elements.Length; start += PieceElements)
            {
                // Every platform .NET runs on is little-endian, as the format asks.
                file.Write(MemoryMarshal.AsBytes(elements.Slice(start, Math.Min(PieceElements, elements.Length - start))));
            }
        }
    }

    private static ReadOnlySpan<byte> Header(IReadOnlyList<NamedTensor> tensors)
    {
        var buffer = new ArrayBufferWriter<byte>();
        buffer.Advance(buffer.GetSpan(sizeof(ulong))[..sizeof(ulong)].Length);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject(SafetensorsFile.MetadataKey);
            json.WriteString("format", "pt");
            json.WriteEndObject();
            WriteEntries(json, tensors);
            json.WriteEndObject();
        }

        int padding = (AlignmentBytes - (buffer.WrittenCount % AlignmentBytes)) % AlignmentBytes;
        buffer.Write("       "u8[..padding]);
        byte[] header = buffer.WrittenSpan.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)(header.Length - sizeof(ulong)));
        return header;
    }

    private static void WriteEntries(Utf8JsonWriter json, IReadOnlyList<NamedTensor> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { SafetensorsFile.MetadataKey };
        long offset = 0;
        foreach (NamedTensor tensor in tensors)
        {
            if (!names.Add(tensor.Name))
            {
                throw new ArgumentException($"two tensors are named {tensor.Name}", nameof(tensors));
            }

            long end = offset + ((long)NamedTensor.ElementCount(tensor.Shape) * sizeof(float));
            json.WriteStartObject(tensor.Name);
            json.WriteString("dtype", SafetensorsFile.Float32);
            json.WriteStartArray("shape");
            foreach (int extent in tensor.Shape)
            {
                json.WriteNumberValue(extent);
            }

            json.WriteEndArray();
            json.WriteStartArray("data_offsets");
            json.WriteNumberValue(offset);
            json.WriteNumberValue(end);
            json.WriteEndArray();
            json.WriteEndObject();
            offset = end;
        }
    }
}
