using System.Text.Json;

namespace RnnLm.Cli.Tests;

/// <summary>What a process that has ended left.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">All of stdout.</param>
/// <param name="Error">All of stderr.</param>
public sealed record ProcessResult(int ExitCode, string Output, string Error)
{
    public IReadOnlyList<string> Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The lines of stdout as JSON objects.</summary>
    public IReadOnlyList<JsonElement> Objects => [.. Lines.Select(line => JsonElement.Parse(line))];

    /// <summary>The object of the only event with this name.</summary>
    public JsonElement Event(string name) => Objects.Single(line => line.IsEvent(name));

    /// <summary>Requires success without complaint.</summary>
    public ProcessResult Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}: {Error}{Output}");
        Assert.Empty(Error);
        return this;
    }

    /// <summary>Requires one line on stderr, with the exit code, that says each of <paramref name="said"/>.</summary>
    public ProcessResult Refused(int exitCode, params ReadOnlySpan<string> said)
    {
        string line = Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("rnnlm: ", line, StringComparison.Ordinal);
        foreach (string text in said)
        {
            Assert.Contains(text, line, StringComparison.Ordinal);
        }

        Assert.Equal(exitCode, ExitCode);
        return this;
    }
}
