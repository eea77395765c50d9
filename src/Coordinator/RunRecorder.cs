using System.Text.Json;
using RnnLm.Storage;

namespace RnnLm.Coordinator;

/// <summary>
/// Takes the coordinator's events off its hands: the metrics file and the view have a thread each, so that neither a
/// slow disk nor a stopped terminal holds training up. Their queues are bounded: what a terminal cannot take is not
/// shown, what a disk cannot take is missing in the metrics, and either is said once. A view that throws is not used
/// again.
/// </summary>
public sealed class RunRecorder : IRunRecorder, IAsyncDisposable
{
    private const int QueueCapacity = 65_536;
    private static readonly TimeSpan FlushPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan DiskDeadline = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ViewDeadline = TimeSpan.FromSeconds(10);

    private readonly WorkThreads _disk = new("metrics", 1, QueueCapacity);
    private readonly WorkThreads _screen = new("view", 1, QueueCapacity);
    private readonly WorkThreads _sampling = new("samples", 1, 1);
    private readonly MetricsLog _metrics;
    private readonly CheckpointWriter _checkpoints;
    private readonly TrainingExtent _extent;
    private readonly Func<ParameterVersion, IEnumerable<(string Prompt, string Text)>> _sample;
    private readonly Action<WorkerJoined> _joined;
    private readonly TimeProvider _time;
    private readonly Profiler? _profiler;
    private readonly TaskCompletionSource<RnnLmException> _leaseLost =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ITrainingView? _view;
    private Task _illustration = Task.CompletedTask;
    private long _flushed;
    private bool _isDiskFailing;
    private int _overflows;

    /// <summary>Starts recording.</summary>
    /// <param name="metrics">The metrics file; owned.</param>
    /// <param name="checkpoints">Writes checkpoints.</param>
    /// <param name="view">Shows the run; owned, and called on its own thread only.</param>
    /// <param name="extent">From where to where the run goes.</param>
    /// <param name="sample">Continues the run's prompts with a version.</param>
    /// <param name="joined">Notes a worker's self-test in config.json; called on the disk's thread.</param>
    /// <param name="time">The clock.</param>
    /// <param name="profiler">Notes the speed and what writes checkpoints, if it is wanted.</param>
    public RunRecorder(
        MetricsLog metrics,
        CheckpointWriter checkpoints,
        ITrainingView view,
        TrainingExtent extent,
        Func<ParameterVersion, IEnumerable<(string Prompt, string Text)>> sample,
        Action<WorkerJoined> joined,
        TimeProvider time,
        Profiler? profiler = null)
    {
        (_metrics, _checkpoints, _view, _extent) = (metrics, checkpoints, view, extent);
        (_sample, _joined, _time, _profiler) = (sample, joined, time, profiler);
        _flushed = time.GetTimestamp();
        Show(shown => shown.Begin(extent));
    }

    /// <inheritdoc/>
    public Task<RnnLmException> LeaseLost => _leaseLost.Task;

    /// <summary>What this process has trained so far.</summary>
    public RunTotals Totals { get; } = new();

    /// <inheritdoc/>
    public void Observe(TrainingEvent trainingEvent)
    {
        Totals.Add(trainingEvent);
        switch (trainingEvent)
        {
            case StepCommitted step:
                _checkpoints.Commit(step);
                _profiler?.Count("tokens per second", step.TokenCount / step.Elapsed.TotalSeconds);
                break;
            case WorkerJoined worker:
                Post(_disk, () => Guard(() => _joined(worker)));
                break;
        }

        Show(view => view.Show(trainingEvent));
        if (EventJson.Of(trainingEvent, _extent.StepsPerEpoch) is { } properties)
        {
            Append(properties);
        }
    }

    /// <summary>While one version is being shown, further ones are not; the last is shown at the end.</summary>
    public void Illustrate(ParameterVersion version)
    {
        ArgumentNullException.ThrowIfNull(version);
        if (!_illustration.IsCompleted || version.Version >= _extent.TotalSteps)
        {
            version.Release();
            return;
        }

        _illustration = _sampling.Run(() =>
        {
            try
            {
                foreach (var (prompt, text) in _sample(version))
                {
                    Sample(version.Version, prompt, text);
                }
            }
#pragma warning disable CA1031 // A sample that fails is worth a warning, whatever the reason, and not the run.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                Warn($"step {version.Version} cannot be shown: {failure.Message}");
            }
            finally
            {
                version.Release();
            }
        });
    }

    /// <summary>Shows and notes how a version goes on with a prompt.</summary>
    public void Sample(long version, string prompt, string text)
    {
        Show(view => view.Sample(prompt, text));
        Append(json => EventJson.WriteSample(json, version, prompt, text));
    }

    /// <inheritdoc/>
    public void Write(SaveCheckpoint save)
    {
        ArgumentNullException.ThrowIfNull(save);
        using var work = _profiler?.Begin($"checkpoint {save.State.Version}");
        _checkpoints.Write(save, FlushToDisk, Warn);
    }

    /// <summary>Shows something, in order with everything else that is shown.</summary>
    public void Show(Action<ITrainingView> show) => Post(_screen, () =>
    {
        try
        {
            if (_view is { } view)
            {
                show(view);
            }
        }
#pragma warning disable CA1031 // A view that fails is worth a warning, whatever the reason, and not the run.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            _view = null;
            string text = $"nothing is shown any more: {failure.Message}";
            Append(json => EventJson.WriteEvent(json, "warning", ("text", text)));
        }
    });

    /// <summary>Says something that is no failure of the run.</summary>
    public void Warn(string text)
    {
        Show(view => view.Notice($"warning: {text}"));
        Append(json => EventJson.WriteEvent(json, "warning", ("text", text)));
    }

    /// <summary>Shows and writes what is left; a disk or terminal that does not answer is left behind.</summary>
    public async ValueTask DisposeAsync()
    {
        await Task.Run(() =>
        {
            _sampling.Finish(DiskDeadline);
            Post(_disk, () => Guard(_metrics.Dispose));
            _disk.Finish(DiskDeadline);
            Show(view => view.Dispose());
            _screen.Finish(ViewDeadline);
        }).ConfigureAwait(false);
    }

    private void Append(Action<Utf8JsonWriter> properties) => Post(_disk, () =>
    {
        Guard(() => _metrics.Append(properties));
        if (_time.GetElapsedTime(_flushed) > FlushPause)
        {
            _flushed = _time.GetTimestamp();
            Guard(() => _metrics.Flush());
        }
    });

    /// <summary>Returns when the metrics of every event so far are on the disk.</summary>
    private void FlushToDisk()
    {
        var flushed = _disk.Run(() => Guard(() => _metrics.Flush(toDisk: true)));
        if (flushed.Exception?.InnerException is WorkOverflowException || !flushed.Wait(DiskDeadline))
        {
            throw RnnLmException.Storage(
                $"the metrics could not be written within {DiskDeadline.TotalSeconds:F0} s; look after the disk");
        }
    }

    private void Post(WorkThreads thread, Action work)
    {
        if (thread.Run(work).IsFaulted && Interlocked.Increment(ref _overflows) == 1)
        {
            Warn("terminal or disk do not keep up: some of what happens is neither shown nor in the metrics");
        }
    }

    /// <summary>Metrics that cannot be written are worth a warning, not the run; that they are another's by now is the
    /// end.</summary>
    private void Guard(Action write)
    {
        try
        {
            write();
            _isDiskFailing = false;
        }
        catch (RnnLmException failure) when (failure.ExitCode == ExitCode.Cluster)
        {
            _leaseLost.TrySetResult(failure);
        }
        catch (RnnLmException failure)
        {
            if (!_isDiskFailing)
            {
                Show(view => view.Notice($"warning: {failure.Message}"));
            }

            _isDiskFailing = true;
        }
    }
}

/// <summary>Sums over the steps that this process committed.</summary>
public sealed class RunTotals
{
    /// <summary>Seconds from the first worker's joining.</summary>
    public double Seconds { get; private set; }

    /// <summary>Seconds in which no worker had anything to compute.</summary>
    public double UpdateSeconds { get; private set; }

    /// <summary>Predicted tokens.</summary>
    public long Tokens { get; private set; }

    /// <summary>Results that were not used, by reason.</summary>
    public SortedDictionary<string, long> Dropped { get; } = new(StringComparer.Ordinal);

    /// <summary>Takes an event in.</summary>
    public void Add(TrainingEvent trainingEvent)
    {
        switch (trainingEvent)
        {
            case StepCommitted step:
                Seconds += step.Elapsed.TotalSeconds;
                UpdateSeconds += step.UpdateElapsed.TotalSeconds;
                Tokens += step.TokenCount;
                break;
            case ResultDropped dropped:
                Dropped[dropped.Reason] = Dropped.GetValueOrDefault(dropped.Reason) + 1;
                break;
        }
    }
}
