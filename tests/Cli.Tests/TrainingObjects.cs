using System.Text.Json;

namespace RnnLm.Cli.Tests;

/// <summary>The objects of <c>--json</c> and <c>metrics.jsonl</c>.</summary>
internal static class TrainingObjects
{
    public static bool IsEvent(this JsonElement line, string name) =>
        line.TryGetProperty("event", out var text) && text.GetString() == name;

    /// <summary>The step that the object is about; null for events.</summary>
    public static long? Step(this JsonElement line) =>
        line.TryGetProperty("step", out var step) ? step.GetInt64() : null;
}
