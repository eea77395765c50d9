namespace RnnLm.Coordinator;

/// <summary>
/// What is saved, and how the run ends. Checkpoints are written one at a time, and while one is being written at most
/// one best and one newest wait: a newer one takes the place of a waiting one, so that a slow disk costs checkpoints
/// and never memory or training time. The run ends when its last version is saved.
/// </summary>
/// <param name="saved">The newest version that was saved before; null for none.</param>
/// <param name="bestLoss">The lowest validation loss that was saved before; null for none.</param>
/// <param name="roster">Who is dismissed at the end.</param>
/// <param name="incarnation">Of this coordinator.</param>
/// <param name="outbox">Takes what is to be done.</param>
internal sealed class Saving(long? saved, double? bestLoss, Roster roster, long incarnation, Outbox outbox)
{
    /// <summary>A disk that has not taken a checkpoint by then is broken.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);

    private const string WritingTimer = "writing";
    private readonly List<SaveCheckpoint> _waiting = [];
    private SaveCheckpoint? _writing;
    private long? _saved = saved;
    private double? _bestSaved = bestLoss;
    private ExitCode? _reason;
    private Func<long, string>? _message;
    private Exception? _cause;
    private Exception? _lastFailure;
    private bool _isLast;

    /// <summary>Whether no further step is taken.</summary>
    public bool IsStopping => _reason is not null;

    /// <summary>The lowest validation loss that is saved or about to be; null for none.</summary>
    public double? BestLoss =>
        _waiting.Append(_writing).Select(save => save?.ValidationLoss).Append(_bestSaved).Min();

    /// <summary>Saves a state as soon as the writer is free.</summary>
    public void Save(TrainingState state, double? loss, bool isBest)
    {
        var save = new SaveCheckpoint(state.Snapshot(), loss, isBest);
        if (_writing is null)
        {
            Write(save);
            return;
        }

        if (_waiting.Find(waiting => waiting.IsBest == save.IsBest) is { } replaced)
        {
            replaced.State.Release();
            _waiting.Remove(replaced);
        }

        _waiting.Add(save);
    }

    /// <summary>Takes no further step.</summary>
    /// <param name="reason">The exit code.</param>
    /// <param name="message">What to say of the version that was saved last; null when the run is simply done.</param>
    /// <param name="cause">What led to it.</param>
    public void Stop(ExitCode reason, Func<long, string>? message, Exception? cause) =>
        (_reason, _message, _cause) = (reason, message, cause);

    /// <summary>Saves the version that the run ends with, if that is not done, and ends when it is.</summary>
    /// <param name="state">With that version.</param>
    /// <param name="loss">Its loss on the validation text, if it was evaluated.</param>
    public void SaveLast(TrainingState state, double? loss)
    {
        _isLast = true;
        bool isCovered = _saved == state.Version || _writing?.State.Version == state.Version ||
            _waiting.Exists(save => save.State.Version == state.Version);
        if (!isCovered)
        {
            Save(state, loss, isBest: false);
        }

        WatchTheTime();
        EndIfIdle(state.Version);
    }

    /// <summary>Takes in that a checkpoint was written or could not be, and writes the next.</summary>
    /// <param name="written">Which, and why not.</param>
    /// <param name="version">The version in hand.</param>
    public void OnWritten(CheckpointWritten written, long version)
    {
        var failure = written.Failure;
        outbox.Report(failure is null
            ? new CheckpointSaved(written.Version)
            : new CheckpointFailed(written.Version, failure.Message));
        bool isFirst = failure is not null && _saved is null;
        if (isFirst || failure is RnnLmException { ExitCode: ExitCode.Cluster })
        {
            // A disk that takes not even version 0 is known before much is trained, and every run has that version.
            EndAtOnce(failure!);
            return;
        }

        if (failure is null)
        {
            _saved = Math.Max(_saved ?? 0, written.Version);
            _bestSaved = new[] { _bestSaved, _writing?.ValidationLoss }.Min();
        }

        outbox.Cancel(WritingTimer);
        _writing = null;
        if (_waiting.Count > 0)
        {
            var next = _waiting[0];
            _waiting.RemoveAt(0);
            Write(next);
        }

        _lastFailure = _isLast && written.Version == version ? failure : _lastFailure;
        EndIfIdle(version);
    }

    /// <summary>Nothing more is written: it cannot be, or another coordinator has the run, and the workers with it.
    /// </summary>
    public void EndAtOnce(Exception failure)
    {
        _reason = (failure as RnnLmException)?.ExitCode ?? ExitCode.Storage;
        if (_reason == ExitCode.Cluster)
        {
            outbox.Add(new StopActor(failure));
        }
        else
        {
            End(failure);
        }
    }

    /// <summary>A write that hangs fails; the end of the run waits for it no longer.</summary>
    public void OnWritingCheck(WritingCheck check, long version)
    {
        if (_writing?.State.Version != check.Version)
        {
            return;
        }

        var failure = RnnLmException.Storage(
            $"the checkpoint of step {check.Version} is still being written after {Deadline.TotalMinutes:F0} min, " +
            $"the run stands at step {version}; look after the disk");
        outbox.Report(new CheckpointFailed(check.Version, failure.Message));
        if (_isLast)
        {
            End(failure);
        }
    }

    private void Write(SaveCheckpoint save)
    {
        outbox.Add(_writing = save);
        WatchTheTime();
    }

    private void WatchTheTime()
    {
        if (_writing is { } save)
        {
            outbox.Timer(WritingTimer, Deadline, new WritingCheck(save.State.Version));
        }
    }

    private void EndIfIdle(long version)
    {
        if (_isLast && _writing is null)
        {
            var why = _message is null ? null : new RnnLmException(_reason!.Value, _message(version), _cause);
            End(_lastFailure ?? why);
        }
    }

    private void End(Exception? failure)
    {
        foreach (var worker in roster.Everyone)
        {
            outbox.Send(worker, new Dismiss(incarnation));
        }

        outbox.Add(new StopActor(failure));
    }
}
