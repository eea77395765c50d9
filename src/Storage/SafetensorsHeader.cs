using System.Text.Json;

namespace RnnLm.Storage;

/// <summary>
/// Parses and checks the JSON header of a safetensors file: every tensor float32, offsets that agree with the shape,
/// tensors that tile the data without overlap, hole or rest.
/// </summary>
internal sealed class SafetensorsHeader(string path, long dataStart, long dataBytes)
{
    private const int ShownNameCharacters = 80;
    private const int MaximumRank = 64;

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 8, AllowDuplicateProperties = false };

    /// <summary>The tensors in the order of their data.</summary>
    public IReadOnlyList<SafetensorsEntry> Parse(ReadOnlyMemory<byte> json)
    {
        var entries = new List<SafetensorsEntry>();
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, Options);
            if (json.Span[0] != '{')
            {
                throw Bad("its header does not begin with '{'");
            }

            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (property.Name != SafetensorsFile.MetadataKey)
                {
                    entries.Add(Entry(property.Name, property.Value));
                }
            }
        }
        catch (Exception failure) when (
            failure is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            // Wrong kinds, numbers out of range, missing keys and broken escapes, in the words of System.Text.Json.
            throw Bad($"its header cannot be parsed ({failure.Message.TrimEnd('.')})", failure);
        }

        entries.Sort((left, right) => (left.FileOffset, left.FileEnd).CompareTo((right.FileOffset, right.FileEnd)));
        CheckTiling(entries);
        return entries;
    }

    private SafetensorsEntry Entry(string name, JsonElement value)
    {
        string shown = Shown(name);
        string dtype = value.GetProperty("dtype").GetString() ?? "null";
        if (dtype != SafetensorsFile.Float32)
        {
            throw RnnLmException.BadInput(
                $"cannot use '{path}': tensor {shown} has dtype {Shown(dtype)}, only F32 is read; " +
                "convert it with tensor.float() and save it again");
        }

        long[] shape = Numbers(shown, value.GetProperty("shape"));
        long[] offsets = Numbers(shown, value.GetProperty("data_offsets"));
        if (offsets.Length != 2 || offsets[0] < 0 || offsets[1] < offsets[0] || offsets[1] > dataBytes)
        {
            string claimed = string.Join(", ", offsets.Take(3));
            throw Bad($"tensor {shown} has offsets [{claimed}] outside its {dataBytes} bytes of data");
        }

        long bytes = offsets[1] - offsets[0];
        if (bytes % sizeof(float) != 0 || !ProductIs(shape, bytes / sizeof(float)))
        {
            throw Bad(
                $"tensor {shown} has {bytes} bytes of data, which is not 4 times the product of its shape " +
                $"[{string.Join(", ", shape.Take(9))}]");
        }

        return new SafetensorsEntry(name, shape, bytes / sizeof(float), dataStart + offsets[0]);
    }

    private long[] Numbers(string shown, JsonElement list) => list.GetArrayLength() <= MaximumRank
        ? [.. list.EnumerateArray().Select(number => number.GetInt64())]
        : throw Bad($"tensor {shown} has more than {MaximumRank} dimensions");

    private static bool ProductIs(long[] shape, long count)
    {
        if (shape.Any(extent => extent < 0))
        {
            return false;
        }

        if (shape.Contains(0))
        {
            return count == 0;
        }

        // Each partial product is at most the count, so nothing overflows.
        long product = 1;
        foreach (long extent in shape)
        {
            if (extent > count / product)
            {
                return false;
            }

            product *= extent;
        }

        return product == count;
    }

    private void CheckTiling(List<SafetensorsEntry> entries)
    {
        long position = dataStart;
        foreach (SafetensorsEntry entry in entries)
        {
            if (entry.FileOffset != position)
            {
                string how = entry.FileOffset < position ? "overlaps the one before it" : "leaves a hole before it";
                throw Bad($"tensor {Shown(entry.Name)} {how}");
            }

            position = entry.FileEnd;
        }

        if (position != dataStart + dataBytes)
        {
            throw Bad($"{dataStart + dataBytes - position} bytes after its last tensor belong to none");
        }
    }

    private RnnLmException Bad(string what, Exception? inner = null) => SafetensorsFile.Damaged(path, what, inner);

    // Names come from the file: a line feed in one would break the message.
    private static string Shown(string name) =>
        JsonEncodedText.Encode(name.Length <= ShownNameCharacters ? name : name[..ShownNameCharacters]).ToString();
}
