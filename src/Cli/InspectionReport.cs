using System.Text.Encodings.Web;
using System.Text.Json;

namespace RnnLm.Cli;

/// <summary>What <c>inspect</c> found: facts in the order in which they are printed, and everything that is not as it should be.</summary>
internal sealed record InspectionReport(IReadOnlyList<KeyValuePair<string, string>> Facts, IReadOnlyList<string> Problems)
{
    /// <summary>Of the JSON form.</summary>
    public static JsonSerializerOptions JsonOptions { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Prints the report for people.</summary>
    public void WriteTo(TextWriter output)
    {
        int width = Facts.Count == 0 ? 0 : Facts.Max(fact => fact.Key.Length);
        foreach (var (name, value) in Facts)
        {
            output.WriteLine($"{name.PadRight(width)}  {value}");
        }

        foreach (string problem in Problems)
        {
            output.WriteLine($"PROBLEM  {problem}");
        }

        output.WriteLine(Problems.Count == 0 ? "everything verified" : $"{Problems.Count} problems");
    }
}
