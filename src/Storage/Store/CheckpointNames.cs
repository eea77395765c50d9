using System.Globalization;

namespace RnnLm.Storage;

/// <summary>The names inside <c>checkpoints/</c>.</summary>
public static class CheckpointNames
{
    public const string Model = "model.safetensors";
    public const string Optimizer = "optimizer.safetensors";
    public const string State = "state.json";
    public const string Done = "DONE";

    private const string Prefix = "step-";
    private const int Digits = 8;
    private const string Replaced = ".replaced";

    /// <summary>The files whose hashes DONE holds, in its order.</summary>
    public static IReadOnlyList<string> Hashed { get; } = [Model, Optimizer, State];

    public static string Directory(long step) => Prefix + step.ToString("D8", CultureInfo.InvariantCulture);

    /// <summary>Where a checkpoint waits while another of its step takes its place.</summary>
    public static string ReplacedDirectory(long step) => $".{Directory(step)}{Replaced}";

    /// <summary>The step in the name of a checkpoint directory; null when the name is of another form.</summary>
    public static long? Step(string name) =>
        name.Length >= Prefix.Length + Digits
        && long.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long step)
        && Directory(step) == name ? step : null;

    /// <summary>The step in the name of a directory that waits; null when the name is of another form.</summary>
    public static long? ReplacedStep(string name) =>
        name.StartsWith('.') && name.EndsWith(Replaced, StringComparison.Ordinal) ? Step(name[1..^Replaced.Length]) : null;
}
