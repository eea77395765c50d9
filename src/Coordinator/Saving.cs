namespace RnnLm.Coordinator;

/// <summary>
/// What is saved, and how the run ends. Checkpoints are written one at a time, and while one is being written at most
/// one best and one newest wait: a newer one takes the place of a waiting one, so that a slow disk costs checkpoints
/// and never memory or training time. The run ends when its last version is saved.
/// </summary>
/// <param name="saved">The newest version that was saved before; null for none.</param>
/// <param name="roster">Who is dismissed at the end.</param>
/// <param name="outbox">Takes what is to be done.</param>
internal sealed class Saving(long? saved, Roster roster, Outbox outbox)
{
    private readonly List<SaveCheckpoint> _waiting = [];
    private SaveCheckpoint? _writing;
    private long? _saved = saved;
    private ExitCode? _reason;
    private Func<long, string>? _message;
    private Exception? _cause;
    private Exception? _lastFailure;
    private bool _isLast;

    /// <summary>Whether no further step is taken.</summary>
    public bool IsStopping => _reason is not null;

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
    public void SaveLast(TrainingState state)
    {
        _isLast = true;
        bool isCovered = _saved == state.Version || _writing?.State.Version == state.Version ||
            _waiting.Exists(save => save.State.Version == state.Version);
        if (!isCovered)
        {
            Save(state, null, isBest: false);
        }

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
        if (failure is RnnLmException { ExitCode: ExitCode.Cluster } lost)
        {
            // Another coordinator has the run: this one writes nothing more.
            _reason = lost.ExitCode;
            End(lost);
            return;
        }

        _saved = failure is null ? Math.Max(_saved ?? 0, written.Version) : _saved;
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

    private void Write(SaveCheckpoint save) => outbox.Add(_writing = save);

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
        foreach (var member in roster.Members)
        {
            outbox.Send(member.Id, new Dismiss());
        }

        outbox.Add(new StopActor(failure));
    }
}
