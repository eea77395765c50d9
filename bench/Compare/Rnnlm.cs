using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RnnLm.Compare;

/// <summary>The rnnlm command of a clone.</summary>
internal sealed class Rnnlm
{
    private static readonly TimeSpan FirstStepLimit = TimeSpan.FromMinutes(10);
    private const int CommitDigits = 9;

    private readonly string _clone;
    private readonly string _program;

    /// <param name="clone">Root of the repository.</param>
    /// <exception cref="RnnLmException">It has not been built.</exception>
    public Rnnlm(string clone)
    {
        _clone = clone;
        _program = Path.Combine(clone, "src", "Cli", "bin", "Release", "net10.0", "rnnlm.dll");
        if (!File.Exists(_program))
        {
            throw RnnLmException.BadInput($"{_program} is missing; {Path.Combine(clone, "rnnlm")} setup builds it");
        }
    }

    /// <summary>What tables call it: by its commit, since a folder's name says nothing elsewhere.</summary>
    public string Name => $"rnnlm of {Commit}";

    private string Commit => ChildProcess.Run(Command("--version")).Output.Split('+')[^1][..CommitDigits];

    /// <summary>The launcher that a user types.</summary>
    public string Launcher => Path.Combine(_clone, "rnnlm");

    /// <summary>The program and these arguments.</summary>
    public IReadOnlyList<string> Command(params string[] arguments) => ["dotnet", _program, .. arguments];

    /// <summary><c>rnnlm train</c>.</summary>
    public IReadOnlyList<string> TrainCommand(string run, IReadOnlyList<string> options) =>
        Command(["train", "--run", run, .. options]);

    /// <summary>Trains in a process of its own.</summary>
    public Measurement Train(string run, IReadOnlyList<string> options)
    {
        double peakMb = ChildProcess.Run(TrainCommand(run, options)).PeakMb;
        var steps = File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(line => JsonNode.Parse(line)!)
            .Where(json => json["event"] is null).Skip(Program.WarmupSteps).ToList();
        double Sum(string key) => steps.Sum(step => (double)step[key]!);
        return new Measurement(Sum("tokens") / Sum("seconds"), peakMb, Sum("update_seconds") / Sum("seconds"));
    }

    /// <summary>
    /// Seconds from the start of <c>train --json</c> to the line of its first step; then the process is killed.
    /// </summary>
    /// <exception cref="RnnLmException">It ended, or ten minutes passed, without a step.</exception>
    public static double SecondsToFirstStep(IReadOnlyList<string> command)
    {
        long began = Stopwatch.GetTimestamp();
        using var process = ChildProcess.Start(command);
        try
        {
            var errors = process.StandardError.ReadToEndAsync();
            string? Next() => process.StandardOutput.ReadLineAsync().WaitAsync(FirstStepLimit).GetAwaiter().GetResult();
            while (Next() is { } line)
            {
                if (JsonDocument.Parse(line).RootElement.TryGetProperty("step", out _))
                {
                    return Stopwatch.GetElapsedTime(began).TotalSeconds;
                }
            }

            Console.Error.Write(errors.GetAwaiter().GetResult());
            throw RnnLmException.BadInput($"{string.Join(' ', command)} ended without a step; what it said is above");
        }
        catch (TimeoutException)
        {
            throw RnnLmException.BadInput(
                $"{string.Join(' ', command)} has printed nothing for {FirstStepLimit.TotalMinutes:0} minutes");
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }
    }
}
