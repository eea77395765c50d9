namespace RnnLm.Cluster;

/// <summary>
/// Which worker process works for which job, from what coordinators and workers say every few seconds: each job gets as
/// many as any other, give or take one.
/// </summary>
internal sealed class Staffing
{
    /// <summary>Who has said nothing for so long is not there.</summary>
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(10);

    private readonly SortedDictionary<string, (string Front, DateTimeOffset Heard)> _jobs = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, (string Job, DateTimeOffset Heard)> _workers =
        new(StringComparer.Ordinal);

    /// <summary>Takes in that a job wants workers, and where they apply.</summary>
    public void Wants(string job, string front, DateTimeOffset now) => _jobs[job] = (front, now);

    /// <summary>Takes in that a job wants no workers there any more.</summary>
    public void Ends(string job, string front)
    {
        if (_jobs.GetValueOrDefault(job).Front == front)
        {
            _jobs.Remove(job);
        }
    }

    /// <summary>Takes in that a worker is there.</summary>
    /// <param name="worker">Its name.</param>
    /// <param name="job">That it works for; empty for none.</param>
    /// <param name="coordinator">Where it is engaged; empty for nowhere.</param>
    /// <param name="now">The time.</param>
    /// <returns>The job to work for and where to apply; null when it stays where it is, or there is no job.</returns>
    public (string Job, string Front)? Place(string worker, string job, string coordinator, DateTimeOffset now)
    {
        Forget(_jobs, entry => entry.Heard, now);
        Forget(_workers, entry => entry.Heard, now);
        _workers[worker] = (job, now);
        if (_jobs.Count == 0)
        {
            return null;
        }

        int Staff(string name) => _workers.Count(entry => entry.Value.Job == name && entry.Key != worker);
        string neediest = _jobs.Keys.MinBy(Staff)!;
        string chosen = _jobs.ContainsKey(job) && Staff(job) <= Staff(neediest) ? job : neediest;
        _workers[worker] = (chosen, now);
        string front = _jobs[chosen].Front;
        return front == coordinator ? null : (chosen, front);
    }

    private static void Forget<T>(
        SortedDictionary<string, T> entries, Func<T, DateTimeOffset> heard, DateTimeOffset now)
    {
        foreach (var (silent, _) in entries.Where(entry => now - heard(entry.Value) > s_silence).ToArray())
        {
            entries.Remove(silent);
        }
    }
}
