namespace RnnLm.Cluster;

/// <summary>
/// Which worker process works for which job, from what coordinators and workers say every few seconds: each job gets as
/// many as any other, give or take one.
/// </summary>
internal sealed class Staffing
{
    /// <summary>Who has said nothing for so long is not there.</summary>
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(10);

    private readonly SortedDictionary<string, (string Front, Wire.Hire Hire, DateTimeOffset Heard)> _jobs =
        new(StringComparer.Ordinal);

    private readonly SortedDictionary<string, (string Job, DateTimeOffset Heard)> _workers =
        new(StringComparer.Ordinal);

    /// <summary>Takes in that a job wants workers, and where they apply.</summary>
    public void Wants(Wire.Hire hire, string front, DateTimeOffset now)
    {
        Forget(_jobs, entry => entry.Heard, now);
        _jobs[hire.Job] = (front, hire, now);
    }

    /// <summary>Takes in that a job wants no workers there any more.</summary>
    public void Ends(string job, string front)
    {
        if (_jobs.GetValueOrDefault(job).Front == front)
        {
            _jobs.Remove(job);
        }
    }

    /// <summary>Takes in that a worker is there, and what it says of itself.</summary>
    /// <returns>The job to work for and where to apply; null when it stays where it is, or no job is for it.</returns>
    public (string Job, string Front)? Place(Wire.Register worker, DateTimeOffset now)
    {
        Forget(_jobs, entry => entry.Heard, now);
        Forget(_workers, entry => entry.Heard, now);
        string[] jobs =
            [.. _jobs.Where(job => IsFor(worker, job.Value.Front, job.Value.Hire)).Select(job => job.Key)];
        int Staff(string job) => _workers.Count(entry => entry.Value.Job == job && entry.Key != worker.Worker);
        string chosen = jobs.MinBy(Staff) is not { } neediest ? string.Empty
            : jobs.Contains(worker.Job) && Staff(worker.Job) <= Staff(neediest) ? worker.Job
            : neediest;
        _workers[worker.Worker] = (chosen, now);
        return chosen.Length > 0 && _jobs[chosen].Front is var front && front != worker.Coordinator
            ? (chosen, front)
            : null;
    }

    /// <summary>Why a worker that has no work, and was just sent nowhere, is for no job; null when its program lacks
    /// nothing for one of them.</summary>
    public string? WhyIdle(Wire.Register worker)
    {
        if (worker.Job.Length > 0 || _workers.GetValueOrDefault(worker.Worker).Job is { Length: > 0 })
        {
            return null;
        }

        string?[] reasons = [.. _jobs.Values.Select(job => Translation.WhyNot(job.Hire.Cell, worker.Cells))];
        return reasons.Contains(null) ? null : reasons.FirstOrDefault();
    }

    private static bool IsFor(Wire.Register worker, string front, Wire.Hire hire) => front != worker.Avoided &&
        (hire.Numerics.Length == 0 || hire.Numerics == worker.Numerics) &&
        Translation.WhyNot(hire.Cell, worker.Cells) is null;

    private static void Forget<T>(
        SortedDictionary<string, T> entries, Func<T, DateTimeOffset> heard, DateTimeOffset now)
    {
        foreach (var (silent, _) in entries.Where(entry => now - heard(entry.Value) > s_silence).ToArray())
        {
            entries.Remove(silent);
        }
    }
}
