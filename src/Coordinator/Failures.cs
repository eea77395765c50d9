namespace RnnLm.Coordinator;

/// <summary>
/// Shards of a step, or pieces of an evaluation, that failed: on whom, and why. What fails on two workers, or on all
/// there are, is at fault itself.
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

    /// <summary>Those on whom something failed, alone or in a range.</summary>
    public IReadOnlySet<ActorId> WorkersOf(int item) => _all
        .Where(failure => failure.Range.Contains(new ShardRange(item, 1)))
        .Select(failure => failure.Worker)
        .ToHashSet();

    /// <summary>The first thing that failed by itself, on two workers or on all, and that nobody has computed.</summary>
    /// <param name="all">All workers that there are; empty while others may still come.</param>
    /// <param name="isDone">Whether somebody has computed it.</param>
    /// <returns>What it is, and whom it failed on and why.</returns>
    public (int Item, string Failure)? AtFault(IReadOnlyCollection<ActorId> all, Func<int, bool> isDone)
    {
        var alone = _all.Where(failure => failure.Range.Length == 1 && !isDone(failure.Range.Start));
        foreach (var (_, range, cause) in alone)
        {
            var workers = WorkersOf(range.Start);
            if (workers.Count > 1 || (all.Count > 0 && workers.IsSupersetOf(all)))
            {
                var names = workers.Select(worker => worker.Name).Order(StringComparer.Ordinal);
                return (range.Start, $"failed on {string.Join(" and ", names)}: {cause}");
            }
        }

        return null;
    }
}
