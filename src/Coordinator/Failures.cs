namespace RnnLm.Coordinator;

/// <summary>
/// Shards of a step, or pieces of an evaluation, that failed: on whom, and why. What fails by itself on two workers, or
/// twice on the only one, is at fault; in a range that failed any of its shards may be.
/// </summary>
internal sealed class Failures
{
    private readonly List<(ActorId Worker, ShardRange Range, string Cause)> _all = [];

    /// <summary>All that is in a range that failed.</summary>
    public IEnumerable<int> Suspects =>
        _all.SelectMany(failure => Enumerable.Range(failure.Range.Start, failure.Range.Length)).Distinct();

    /// <summary>Takes in that a range failed.</summary>
    public void Add(ActorId worker, ShardRange range, string cause) => _all.Add((worker, range, cause));

    /// <summary>Forgets everything.</summary>
    public void Clear() => _all.Clear();

    /// <summary>Why something failed on a worker; null when nothing did.</summary>
    public string? CauseOn(ActorId worker) => _all.FindLast(failure => failure.Worker == worker).Cause;

    /// <summary>Whether something failed on a worker, by itself or in a range.</summary>
    public bool HasFailed(ActorId worker, int item) =>
        _all.Exists(failure => failure.Worker == worker && failure.Range.Contains(new ShardRange(item, 1)));

    /// <summary>Whether something failed on a worker by itself.</summary>
    public bool HasFailedAlone(ActorId worker, int item) => TimesAlone(worker, item) > 0;

    /// <summary>Whether it did so twice: it is not asked again.</summary>
    public bool HasFailedTwice(ActorId worker, int item) => TimesAlone(worker, item) >= 2;

    /// <summary>The first thing that is at fault, and that nobody has computed.</summary>
    /// <param name="all">All workers that there are; null while others may still come.</param>
    /// <param name="isDone">Whether somebody has computed it.</param>
    /// <returns>What it is, and whom it failed on and why.</returns>
    public (int Item, string Failure)? AtFault(IReadOnlyCollection<ActorId>? all, Func<int, bool> isDone)
    {
        var alone = _all.Where(failure => failure.Range.Length == 1 && !isDone(failure.Range.Start));
        foreach (var (_, range, cause) in alone)
        {
            int item = range.Start;
            string[] workers =
            [
                .. alone.Where(failure => failure.Range.Start == item).Select(failure => failure.Worker.Name)
                    .Distinct().Order(StringComparer.Ordinal),
            ];
            if (workers.Length > 1 || (all is { Count: > 0 } && all.All(worker => HasFailedTwice(worker, item))))
            {
                return (item, $"failed on {string.Join(" and ", workers)}: {cause}");
            }
        }

        return null;
    }

    private int TimesAlone(ActorId worker, int item) =>
        _all.Count(failure => failure.Worker == worker && failure.Range == new ShardRange(item, 1));
}
