namespace RnnLm.Cluster.Benchmarks;

/// <summary>A fault that is to come.</summary>
/// <param name="AtSeconds">When, from the begin.</param>
/// <param name="Worker">Which worker process; the next one if it is not there.</param>
/// <param name="FreezeSeconds">How long it stands still; 0 for one that is killed.</param>
internal sealed record PlannedFault(double AtSeconds, int Worker, double FreezeSeconds)
{
    private const double EverySeconds = 30;
    private const int LeastFreezeSeconds = 1;
    private const int MostFreezeSeconds = 20;

    /// <summary>Whether it is killed.</summary>
    public bool IsKill => FreezeSeconds == 0;

    /// <summary>Two faults a minute, at moments that the seed decides, as all else of them.</summary>
    public static IReadOnlyList<PlannedFault> Draw(int seed, TimeSpan duration, int workers)
    {
        var random = new Random(seed);
        double Between(double least, double most) => least + (random.NextDouble() * (most - least));
        return
        [
            .. Enumerable.Range(0, (int)(duration.TotalSeconds / EverySeconds)).Select(turn => new PlannedFault(
                (turn * EverySeconds) + Between(0, EverySeconds),
                random.Next(workers),
                random.Next(2) == 0 ? 0 : Between(LeastFreezeSeconds, MostFreezeSeconds))),
        ];
    }
}

/// <summary>A fault that came.</summary>
/// <param name="At">When.</param>
/// <param name="IsKill">Whether the process was killed; else it stood still.</param>
/// <param name="Worker">The worker's name.</param>
internal sealed record Fault(long At, bool IsKill, string Worker)
{
    /// <summary>Until when the worker was missing: it went on, or had joined again.</summary>
    public long Until { get; set; } = long.MaxValue;
}
