using System.Text.RegularExpressions;

namespace RnnLm.Cluster;

/// <summary>What a worker process may be called: it stands in metrics, lines and paths.</summary>
public static partial class WorkerName
{
    /// <summary>In words.</summary>
    public const string Rule = "a worker's name has 1 to 100 letters, digits and . _ : -";

    /// <summary>Whether it may be called so.</summary>
    public static bool IsOne(string name) => Pattern().IsMatch(name);

    /// <summary>Why it may not be called so; null if it may.</summary>
    public static string? WhyNot(string name) => IsOne(name) ? null : Rule;

    [GeneratedRegex(@"^[A-Za-z0-9._:-]{1,100}\z")]
    private static partial Regex Pattern();
}
