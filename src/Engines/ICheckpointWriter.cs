using RnnLm.Coordinator;

namespace RnnLm.Engines;

/// <summary>Writes an immutable snapshot to wherever checkpoints are kept. Throws if it could not; the snapshot is released by the caller.</summary>
public interface ICheckpointWriter
{
    /// <summary>Writes one checkpoint; called for one at a time, from any thread.</summary>
    void Write(SaveCheckpoint save);
}
