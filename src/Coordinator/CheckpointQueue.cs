namespace RnnLm.Coordinator;

/// <summary>
/// Orders the writing of checkpoints: one at a time, and while one is being written at most one best and one newest wait. A newer one takes the place of a
/// waiting one, so that a slow disk costs checkpoints and never memory or training time.
/// </summary>
internal sealed class CheckpointQueue(long? saved)
{
    private readonly List<SaveCheckpoint> _waiting = [];
    private SaveCheckpoint? _writing;

    /// <summary>Whether nothing is being written or waits.</summary>
    public bool IsIdle => _writing is null;

    /// <summary>The newest version that was written.</summary>
    public long? Saved { get; private set; } = saved;

    /// <summary>Asks for a checkpoint.</summary>
    public IEnumerable<Effect> Enqueue(SaveCheckpoint save)
    {
        if (_writing is null)
        {
            _writing = save;
            return [save];
        }

        int replaced = _waiting.FindIndex(waiting => waiting.IsBest == save.IsBest);
        if (replaced >= 0)
        {
            _waiting[replaced].State.Release();
            _waiting.RemoveAt(replaced);
        }

        _waiting.Add(save);
        return [];
    }

    /// <summary>Whether this version was written, is being written or waits.</summary>
    public bool Covers(long version) =>
        Saved == version || _writing?.State.Version == version || _waiting.Exists(save => save.State.Version == version);

    /// <summary>Takes in that the one being written is done, and begins the next.</summary>
    public IEnumerable<Effect> Finished(CheckpointWritten written)
    {
        if (written.Failure is null)
        {
            Saved = Math.Max(Saved ?? 0, written.Version);
        }

        _writing = null;
        if (_waiting.Count == 0)
        {
            return [];
        }

        _writing = _waiting[0];
        _waiting.RemoveAt(0);
        return [_writing];
    }
}
