using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace RnnLm.Data;

/// <summary>Reads one string field of records that are a JSON object each; the last of a name counts.</summary>
/// <param name="name">The field, at the top level of the object.</param>
internal sealed class JsonRecords(string name)
{
    private const int MostNamesShown = 8;
    private const int MostNameCharacters = 40;
    private const string OneObject = "--field needs one JSON object on each line, as jq -c writes them";

    private string Quoted => $"\"{JsonEncodedText.Encode(name)}\"";

    /// <summary>The field's text, in UTF-8.</summary>
    /// <param name="record">The JSON object, valid UTF-8.</param>
    /// <param name="path">Its file, for messages.</param>
    /// <param name="line">Its line in the file, for messages.</param>
    /// <exception cref="RnnLmException">Bad input: not JSON, not an object, or without such a string.</exception>
    public byte[] TextOf(ReadOnlyMemory<byte> record, string path, long line)
    {
        string place = $"{path}, line {line}";
        try
        {
            using var document = JsonDocument.Parse(record);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                throw RnnLmException.BadInput($"{place}: is {Named(root)}, not an object; {OneObject}");
            }

            if (!root.TryGetProperty(name, out JsonElement field))
            {
                throw RnnLmException.BadInput($"{place}: has no field {Quoted}; {Listed(root)}");
            }

            return field.ValueKind == JsonValueKind.String
                ? Encoding.UTF8.GetBytes(field.GetString()!)
                : throw RnnLmException.BadInput(
                    $"{place}: its field {Quoted} is {Named(field)}, not a string; "
                    + "name another with --field or leave the record out");
        }
        catch (JsonException failure)
        {
            // Its message ends with a position that counts lines from the start of the record.
            string reason = failure.Message.Split(" LineNumber:")[0].TrimEnd('.');
            long at = (failure.BytePositionInLine ?? 0) + 1;
            throw RnnLmException.BadInput($"{place}: not JSON at byte {at} ({reason}); {OneObject}", failure);
        }
        catch (InvalidOperationException failure)
        {
            throw RnnLmException.BadInput(
                $"{place}: its field {Quoted} has an escape that is no character (half of a surrogate pair); "
                + "correct it or leave the record out",
                failure);
        }
    }

    private static string Listed(JsonElement root)
    {
        string[] names = [.. root.EnumerateObject().Take(MostNamesShown + 1).Select(property => Shown(property.Name))];
        return names.Length == 0
            ? "the object is empty; leave the record out"
            : "name one of its fields with --field: " + string.Join(", ", names.Take(MostNamesShown))
                + (names.Length > MostNamesShown ? ", …" : "");
    }

    /// <summary>A name with its control characters escaped.</summary>
    private static string Shown(string text)
    {
        string written = JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString();
        return written.Length <= MostNameCharacters ? written : written[..MostNameCharacters] + "…";
    }

    private static string Named(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.Number => "a number",
        JsonValueKind.String => "a string",
        JsonValueKind.Null => "null",
        _ => "a truth value",
    };
}
