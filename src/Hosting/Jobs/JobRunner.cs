using System.Collections.Concurrent;
using System.Text.Json;
using RnnLm.Cluster;
using RnnLm.Coordinator;
using RnnLm.Storage;

namespace RnnLm.Hosting;

/// <summary>Runs jobs of the run storage in this process, one call a job.</summary>
/// <param name="host">This process in the cluster.</param>
/// <param name="storage">Where the jobs lie.</param>
/// <param name="log">Takes a line of what happens.</param>
/// <param name="time">The clock.</param>
internal sealed class JobRunner(ClusterHost host, RunStorage storage, Action<string> log, TimeProvider time)
{
    private static readonly TimeSpan s_cancelCheck = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_slowListing = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, bool> _running = new(StringComparer.Ordinal);

    /// <summary>What was amiss with the last listing: of the next one it is not said again.</summary>
    private ConcurrentDictionary<string, bool> _said = new(StringComparer.Ordinal);

    /// <summary>Names of the jobs that run here.</summary>
    public IReadOnlyList<string> Running => [.. _running.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Names of the jobs that ought to run. Why they, or one of them, cannot be read is said once, and that it
    /// takes long as well.</summary>
    /// <exception cref="RnnLmException">They cannot be listed (exit code 6).</exception>
    public IReadOnlyList<string> Unfinished()
    {
        var former = _said;
        var said = _said = new(StringComparer.Ordinal);
        void Say(string what, Func<string>? line = null)
        {
            if (said.TryAdd(what, true) && !former.ContainsKey(what))
            {
                log(line?.Invoke() ?? what);
            }
        }

        using var timer = time.CreateTimer(
            _ => Say($"the run storage has not listed its jobs for {s_slowListing.TotalSeconds} s; " +
                "no job is begun until it has"),
            null,
            s_slowListing,
            Timeout.InfiniteTimeSpan);
        try
        {
            var jobs = storage.List().Select(job => job.Read()).ToArray();
            foreach (var job in jobs.Where(job => job.State == JobState.Unreadable))
            {
                Say($"{job.Job}: {job.Reason}");
            }

            return [.. jobs.Where(job => job.State == JobState.Unfinished).Select(job => job.Job)];
        }
        catch (Exception failure)
        {
            // What it would have found was said before.
            foreach (string what in former.Keys)
            {
                said.TryAdd(what, true);
            }

            // To describe a defect is to write a report of it.
            Say(failure.Message, () => $"the jobs cannot be listed: {Describe(failure, string.Empty)}");
            throw;
        }
    }

    /// <summary>Goes on with a job until it is done, cancelled, drained or stopped. What will not pass is recorded as
    /// its end; what may is said and thrown.</summary>
    public async Task RunAsync(string name, Task stop)
    {
        _running[name] = true;
        try
        {
            await RunAsync(storage.Find(name), stop).ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            log($"{name}: {Describe(failure, storage.PathOf(name))}");
            throw;
        }
        finally
        {
            _running.TryRemove(name, out _);
        }
    }

    private async Task RunAsync(StoredJob job, Task stop)
    {
        if (job.Read().State != JobState.Unfinished)
        {
            return;
        }

        var run = RunDirectory.Open(job.RunPath);
        using var lease = run.TakeLease(LeaseHolder.ThisProcess());
        log($"{job.Name}: taken, incarnation {lease.Incarnation}");
        using var end = new CancellationTokenSource();
        try
        {
            var config = RunConfig.Read(run);
            using var prepared = storage.Prepare(run, config);
            await using var workers = new ClusterWorkers(host, job.Name, config.RunId);
            using var session = new TrainingSession(TrainRequest.OfRun(config), new JobLog(job.Name, log), time);
            var requested = StopRequestAsync(job, stop, end.Token);
            var trained = await session.GoOnAsync(run, lease, prepared, workers, requested).ConfigureAwait(false);
            RecordEnd(run, lease, RunEnd.Done(trained.Steps));
            log($"{job.Name}: done");
        }
        catch (RnnLmException failure) when (failure.ExitCode is ExitCode.BadInput or ExitCode.Diverged)
        {
            RecordEnd(run, lease, new RunEnd((int)failure.ExitCode, failure.Message));
            log($"{job.Name}: failed: {job.Read().Reason}");
        }
        catch (RnnLmException stopped) when (stopped.ExitCode == ExitCode.Terminated)
        {
            string why = stop.IsCompleted ? "handed over" : job.IsCancelled ? "cancelled" : "drained";
            log($"{job.Name}: saved and stopped: {why}");
        }
        finally
        {
            await end.CancelAsync().ConfigureAwait(false);
        }
    }

    private static string Describe(Exception failure, string run) =>
        AnyFailure.Of(failure, run, Environment.GetCommandLineArgs()[1..]).Message;

    private static void RecordEnd(RunDirectory run, Lease lease, RunEnd end)
    {
        var json = run.ReadConfig();
        json[RunConfig.EndKey] = JsonSerializer.SerializeToNode(end, JobFormat.JsonOptions);
        run.WriteConfig(lease, json);
    }

    private async Task<StopRequested> StopRequestAsync(StoredJob job, Task stop, CancellationToken end)
    {
        while (!stop.IsCompleted && !job.IsCancelled && !storage.IsDrained && !end.IsCancellationRequested)
        {
            await Task.WhenAny(stop, Task.Delay(s_cancelCheck, time, end)).ConfigureAwait(false);
        }

        return new StopRequested(ExitCode.Terminated);
    }
}

/// <summary>Worker processes of the cluster that apply to the coordinator of a job.</summary>
/// <param name="host">This process in the cluster.</param>
/// <param name="job">Its name.</param>
/// <param name="run">Identity of its run.</param>
internal sealed class ClusterWorkers(ClusterHost host, string job, string run) : HiredWorkers(host)
{
    /// <inheritdoc/>
    public override string CoordinatorName => $"coordinator-{job}";

    /// <inheritdoc/>
    public override int Threads => Environment.ProcessorCount;

    /// <inheritdoc/>
    public override Task<StopRequested> Exhausted { get; } = new TaskCompletionSource<StopRequested>().Task;

    /// <inheritdoc/>
    public override void Start(TrainingWork work) => Hire(job, run, allowMixed: false, work);

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>A job as lines of its coordinator's process; the run's metrics have the rest.</summary>
internal sealed class JobLog(string job, Action<string> log) : ITrainingView
{
    /// <inheritdoc/>
    public void Notice(string text) => log($"{job}: {text}");

    /// <inheritdoc/>
    public void Preparing(string what, double fraction)
    {
    }

    /// <inheritdoc/>
    public void Begin(TrainingExtent extent)
    {
    }

    /// <inheritdoc/>
    public void Show(TrainingEvent trainingEvent)
    {
        // What train says of stopping is for whoever sits before it.
        string? line = trainingEvent is Stopping stopping
            ? $"stopping: saving step {stopping.Version} …"
            : EventText.Of(trainingEvent);
        if (line is not null)
        {
            log($"{job}: {line}");
        }
    }

    /// <inheritdoc/>
    public void Sample(string prompt, string continuation)
    {
    }

    /// <inheritdoc/>
    public void Finish(TrainingSummary summary) => log(
        $"{job}: trained to step {summary.Steps}, model sha256 {summary.ModelSha256}");

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
