using System.CommandLine;
using System.Text.Json;
using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary><c>rnnlm samples</c>: how a run has gone on with its prompts, evaluation by evaluation.</summary>
internal static class SamplesCommand
{
    public static Command Create()
    {
        var run = StoredRun.Option();
        var command = new Command("samples", "Show how the run went on with its prompts as it was trained") { run };
        command.SetAction(parsed =>
        {
            foreach (string line in RunDirectory.Open(parsed.GetRequiredValue(run)).ReadMetrics())
            {
                if (TextOf(line) is { } text)
                {
                    Console.Out.WriteLine(text);
                }
            }

            return 0;
        });
        return command;
    }

    /// <summary>A sample as it is shown; null for another line, or one that is none.</summary>
    private static string? TextOf(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement is var root && root.TryGetProperty("event", out var name) &&
                name.ValueEquals("sample")
                ? RnnLmException.OneLine(
                    $"step {root.GetProperty("version").GetInt64()}: {root.GetProperty("prompt").GetString()}|" +
                    $"{root.GetProperty("text").GetString()}")
                : null;
        }
        catch (Exception failure) when (
            failure is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return null;
        }
    }
}
