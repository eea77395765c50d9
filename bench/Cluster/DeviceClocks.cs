using System.Diagnostics;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>
/// The processor time of the threads that compute in the worker processes of a run. It is read again and again, since
/// a thread takes its reading with it when it ends: what one computed after its last reading, at most
/// <see cref="SampleEvery"/>, is missed.
/// </summary>
/// <param name="bench">Sees to the end of the processes.</param>
/// <param name="train">The run.</param>
internal sealed class DeviceClocks(Bench bench, Child train)
{
    /// <summary>Between two readings of a thread.</summary>
    public static readonly TimeSpan SampleEvery = TimeSpan.FromMilliseconds(20);

    /// <summary>Between two looks for new processes and threads; a process takes longer to come to compute.</summary>
    private static readonly TimeSpan s_findEvery = TimeSpan.FromMilliseconds(300);

    private readonly List<WorkerClock> _workers = [];
    private long _sampled;
    private long _found;

    /// <summary>All worker processes that there have been.</summary>
    public IReadOnlyList<WorkerClock> Workers => _workers;

    /// <summary>Seconds that all threads have had.</summary>
    public double Seconds => _workers.Sum(worker => worker.Threads.Sum(seconds => seconds));

    /// <summary>Reads what is due.</summary>
    public void Look()
    {
        if (Stopwatch.GetElapsedTime(_found) >= s_findEvery)
        {
            Find();
        }

        if (Stopwatch.GetElapsedTime(_sampled) >= SampleEvery)
        {
            _sampled = Stopwatch.GetTimestamp();
            _workers.ForEach(worker => worker.Sample());
        }
    }

    /// <summary>Reads everything.</summary>
    public void ReadAll()
    {
        Find();
        _workers.ForEach(worker => worker.Sample());
    }

    private void Find()
    {
        _found = Stopwatch.GetTimestamp();
        var processes = OsProcess.WorkersOf(train.Process.Id);
        bench.Adopt(processes);
        _workers.AddRange(processes
            .Where(process => !_workers.Exists(worker => worker.Process == process))
            .Select(process => new WorkerClock(process, process.Option("--name")!)));
        _workers.ForEach(worker => worker.Find());
    }
}

/// <summary>The threads of one worker process that compute.</summary>
/// <param name="process">The process.</param>
/// <param name="name">The worker's name.</param>
internal sealed class WorkerClock(OsProcess process, string name)
{
    private readonly Dictionary<string, double> _seconds = [];

    /// <summary>The process.</summary>
    public OsProcess Process => process;

    /// <summary>The worker's name: the same for one that was started again.</summary>
    public string Name => name;

    /// <summary>Seconds that each thread has had by the last reading, those that have ended included.</summary>
    public IReadOnlyCollection<double> Threads => _seconds.Values;

    /// <summary>Looks for threads.</summary>
    public void Find()
    {
        foreach (string thread in process.IsAlive ? process.DeviceThreads() : [])
        {
            _seconds.TryAdd(thread, 0);
        }
    }

    /// <summary>Reads their clocks.</summary>
    public void Sample()
    {
        foreach (string thread in _seconds.Keys)
        {
            _seconds[thread] = Math.Max(_seconds[thread], process.SecondsOf(thread) ?? 0);
        }
    }
}
