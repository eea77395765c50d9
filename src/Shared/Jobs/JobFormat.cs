using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace RnnLm.Shared;

/// <summary>A job as canonical JSON, its hash, and the comparison of two jobs setting by setting.</summary>
public static class JobFormat
{
    /// <summary>How members of enumerations are called, in JSON as on the command line.</summary>
    public static JsonNamingPolicy EnumNames => JsonNamingPolicy.KebabCaseLower;

    /// <summary>Options of every JSON file that holds a job.</summary>
    public static JsonSerializerOptions JsonOptions { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(EnumNames) },
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { LeaveOutDefaults } },
    };

    /// <summary>SHA-256 (hex) of the job's JSON: two runs with the same hash have the same result.</summary>
    public static string Hash(Job job) =>
        Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(job, JsonOptions)));

    /// <summary>Settings in which two jobs differ, as <c>name: value here, value there</c>.</summary>
    public static IReadOnlyList<string> Differences(Job recorded, Job asked)
    {
        var left = Flatten(recorded);
        var right = Flatten(asked);
        return [.. left.Keys.Union(right.Keys).Order(StringComparer.Ordinal)
            .Where(key => left.GetValueOrDefault(key) != right.GetValueOrDefault(key))
            .Select(key => $"{key} is {left.GetValueOrDefault(key, "absent")} in the run, " +
                $"{right.GetValueOrDefault(key, "absent")} asked")];
    }

    /// <summary>A setting that has a default came later than jobs without it: where it has that value it is left out,
    /// and their hashes stay.</summary>
    private static void LeaveOutDefaults(JsonTypeInfo type)
    {
        foreach (var property in type.Properties)
        {
            if (property.AssociatedParameter is { HasDefaultValue: true, DefaultValue: var byDefault })
            {
                property.ShouldSerialize = (_, value) => !Equals(value, byDefault);
            }
        }
    }

    private static Dictionary<string, string> Flatten(Job job)
    {
        var settings = new Dictionary<string, string>();
        void Visit(string path, JsonNode? node)
        {
            if (node is JsonObject members)
            {
                foreach (var (name, value) in members)
                {
                    Visit(path.Length == 0 ? name : $"{path}.{name}", value);
                }
            }
            else
            {
                settings[path] = node?.ToJsonString() ?? "null";
            }
        }

        Visit(string.Empty, JsonSerializer.SerializeToNode(job, JsonOptions));
        return settings;
    }
}
