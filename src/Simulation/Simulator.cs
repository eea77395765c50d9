using System.Collections.Concurrent;

namespace RnnLm.Simulation;

/// <summary>Simulates runs, one a seed, many side by side.</summary>
public static class Simulator
{
    /// <summary>Simulates one seed, with all that happens in it.</summary>
    /// <param name="seed">Decides everything.</param>
    /// <param name="faults">Which kinds may come.</param>
    /// <param name="reader">Takes the trace, a line at a time; null for nobody.</param>
    public static SimulationResult Run(long seed, Faults faults, Action<string>? reader = null) =>
        Run(seed, faults, new PlainHosting(), reader);

    /// <summary>The same with other hosts.</summary>
    internal static SimulationResult Run(long seed, Faults faults, IHosting hosting, Action<string>? reader)
    {
        var world = new World(seed, faults, hosting, reader);
        var context = SynchronizationContext.Current;

        // With one, what awaits would go on on another thread.
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            world.Run();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }

        return new SimulationResult(
            seed, world.Broken, world.Trace.Hash, world.Time.Now, world.Time.Events, world.Counts);
    }

    /// <summary>Simulates the seeds from <paramref name="first"/> to before <paramref name="end"/>.</summary>
    /// <param name="first">First seed.</param>
    /// <param name="end">One past the last seed.</param>
    /// <param name="faults">Which kinds may come.</param>
    /// <param name="threads">Seeds that are simulated side by side.</param>
    /// <param name="done">Called after each seed with all so far, by one thread at a time; false to stop.</param>
    public static SimulationTotals Run(
        long first, long end, Faults faults, int threads, Func<SimulationTotals, bool> done)
    {
        ArgumentNullException.ThrowIfNull(done);
        var totals = new SimulationTotals();
        var gate = new Lock();

        // In order of the seeds, so that the first failing seed is found about first.
        var seeds = Partitioner.Create(Seeds(first, end), EnumerablePartitionerOptions.NoBuffering);
        Parallel.ForEach(seeds, new ParallelOptions { MaxDegreeOfParallelism = threads }, (seed, loop) =>
        {
            var result = Run(seed, faults);
            lock (gate)
            {
                totals.Add(result);
                if (!done(totals))
                {
                    loop.Stop();
                }
            }
        });
        return totals;
    }

    private static IEnumerable<long> Seeds(long first, long end)
    {
        for (long seed = first; seed < end; seed++)
        {
            yield return seed;
        }
    }
}

/// <summary>What became of one seed.</summary>
/// <param name="Seed">Which.</param>
/// <param name="Broken">The promise that was broken; null when all were kept.</param>
/// <param name="TraceHash">Of everything that happened, in order.</param>
/// <param name="VirtualTime">How long the run took on its own clock.</param>
/// <param name="Events">Things that happened.</param>
/// <param name="Counts">How often which fault and which branch of the protocol came.</param>
public sealed record SimulationResult(
    long Seed,
    string? Broken,
    ulong TraceHash,
    TimeSpan VirtualTime,
    long Events,
    IReadOnlyDictionary<string, long> Counts);

/// <summary>What became of many seeds.</summary>
public sealed class SimulationTotals
{
    /// <summary>Seeds simulated.</summary>
    public long Seeds { get; private set; }

    /// <summary>Their virtual time together.</summary>
    public TimeSpan VirtualTime { get; private set; }

    /// <summary>Things that happened.</summary>
    public long Events { get; private set; }

    /// <summary>Of all their traces, whatever their order.</summary>
    public ulong TraceHash { get; private set; }

    /// <summary>How often which fault and which branch of the protocol came.</summary>
    public SortedDictionary<string, long> Counts { get; } = new(StringComparer.Ordinal);

    /// <summary>Seeds in which a promise was broken.</summary>
    public List<SimulationResult> Failures { get; } = [];

    internal void Add(SimulationResult result)
    {
        Seeds++;
        VirtualTime += result.VirtualTime;
        Events += result.Events;
        TraceHash += result.TraceHash;
        foreach (var (what, times) in result.Counts)
        {
            Counts[what] = Counts.GetValueOrDefault(what) + times;
        }

        if (result.Broken is not null)
        {
            Failures.Add(result);
        }
    }
}
