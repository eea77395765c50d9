using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RnnLm.Data;

/// <summary>Reads one string field of records that are a JSON object each (row A11 of the reference material). Of a name given twice the last counts.</summary>
/// <param name="name">The field, at the top level of the object.</param>
internal sealed class JsonRecords(string name)
{
    private const int MostNamesShown = 8;
    private const int MostNameCharacters = 40;

    private readonly byte[] _field = Encoding.UTF8.GetBytes(name);

    /// <summary>The field's text, in UTF-8.</summary>
    /// <param name="record">The JSON object, valid UTF-8.</param>
    /// <param name="path">Its file, for messages.</param>
    /// <param name="line">Its line in the file, for messages.</param>
    /// <exception cref="RnnLmException">Bad input: not JSON, not an object, or without such a string.</exception>
    public byte[] TextOf(ReadOnlySpan<byte> record, string path, long line)
    {
        string place = string.Create(CultureInfo.InvariantCulture, $"{path}, line {line}");
        try
        {
            return Find(record, place);
        }
        catch (JsonException failure)
        {
            // Its message ends with a position that counts lines from the start of the record.
            string reason = failure.Message.Split(" LineNumber:")[0].TrimEnd('.');
            throw RnnLmException.BadInput(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{place}: not JSON at byte {failure.BytePositionInLine + 1} ({reason}); --field needs one JSON object on each line, as jq -c writes them"),
                failure);
        }
    }

    private byte[] Find(ReadOnlySpan<byte> record, string place)
    {
        var reader = new Utf8JsonReader(record);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw RnnLmException.BadInput($"{place}: is {Named(reader.TokenType)}, not an object; --field needs one JSON object on each line, as jq -c writes them");
        }

        byte[]? text = null;
        var others = new List<string>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool found = reader.ValueTextEquals(_field);
            if (!found && others.Count <= MostNamesShown)
            {
                others.Add(Shown(reader.ValueSpan));
            }

            reader.Read();
            if (found)
            {
                text = Text(ref reader, place);
            }

            reader.Skip();
        }

        // Only the end is left; anything else is no JSON.
        reader.Read();
        return text ?? throw RnnLmException.BadInput($"{place}: has no field {Quoted}; {Listed(others)}");
    }

    private byte[] Text(ref Utf8JsonReader reader, string place)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            throw RnnLmException.BadInput($"{place}: its field {Quoted} is {Named(reader.TokenType)}, not a string; name another with --field or leave the record out");
        }

        byte[] text = new byte[reader.ValueSpan.Length];
        try
        {
            int length = reader.CopyString(text);
            return text[..length];
        }
        catch (InvalidOperationException failure)
        {
            throw RnnLmException.BadInput($"{place}: its field {Quoted} has an escape that is no character (half of a surrogate pair); correct it or leave the record out", failure);
        }
    }

    private string Quoted => $"\"{JsonEncodedText.Encode(name)}\"";

    private static string Listed(List<string> names) => names.Count == 0
        ? "the object is empty; leave the record out"
        : $"name one of its fields with --field: {string.Join(", ", names.Take(MostNamesShown))}{(names.Count > MostNamesShown ? ", …" : "")}";

    /// <summary>A name as the record writes it: there control characters are escaped.</summary>
    private static string Shown(ReadOnlySpan<byte> written)
    {
        string text = Encoding.UTF8.GetString(written);
        return text.Length <= MostNameCharacters ? text : text[..MostNameCharacters] + "…";
    }

    private static string Named(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.Number => "a number",
        JsonTokenType.String => "a string",
        JsonTokenType.Null => "null",
        _ => "a truth value",
    };
}
