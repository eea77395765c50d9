using System.Globalization;

namespace RnnLm.Storage;

/// <summary>
/// The name of a checkpoint directory: <c>step-00000100.2</c> is that of step 100 which incarnation 2 wrote or took
/// over, <c>step-00000100.2.1</c> what it wrote when it had more to say of this step, like a validation loss.
/// </summary>
/// <param name="Step">The step.</param>
/// <param name="Incarnation">Whose it is.</param>
/// <param name="Rewrite">How often that one had written the step before.</param>
internal sealed record CheckpointName(long Step, long Incarnation, int Rewrite = 0)
{
    private const string Prefix = "step-";

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Prefix}{Step:D8}.{Incarnation}{(Rewrite == 0 ? "" : $".{Rewrite}")}");

    /// <summary>Reads what <see cref="ToString"/> writes; null of any other name.</summary>
    public static CheckpointName? Parse(string name)
    {
        if (!name.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return null;
        }

        var numbers = name[Prefix.Length..].Split('.').Select(text =>
            long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : -1);
        var parsed = numbers.ToList() switch
        {
            [>= 0 and var step, >= 0 and var incarnation] => new CheckpointName(step, incarnation),
            [>= 0 and var step, >= 0 and var incarnation, >= 0 and <= int.MaxValue and var rewrite] =>
                new CheckpointName(step, incarnation, (int)rewrite),
            _ => null,
        };
        return parsed?.ToString() == name ? parsed : null;
    }

    /// <summary>
    /// Those of a directory that make up the run, newest first and one a step. A holder gives what it takes over its
    /// own incarnation, newest first, and what it writes is newer still: what a lower incarnation has from the lowest
    /// step of a higher one on was written by a holder that had lost the run, or again by a higher one.
    /// </summary>
    public static IReadOnlyList<CheckpointName> Lineage(IEnumerable<CheckpointName> names)
    {
        var lineage = new List<CheckpointName>();
        foreach (var name in names.OrderByDescending(name => (name.Incarnation, name.Step, name.Rewrite)))
        {
            if (lineage.Count == 0 || name.Step < lineage[^1].Step)
            {
                lineage.Add(name);
            }
        }

        return lineage;
    }
}
