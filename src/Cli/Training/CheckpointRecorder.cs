using System.Collections.Concurrent;
using RnnLm.Coordinator;
using RnnLm.Engines;
using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary>
/// Writes the coordinator's snapshots into the run directory: first the ledger entries and metrics of the steps that a checkpoint covers, then the checkpoint,
/// then the old ones are pruned.
/// </summary>
internal sealed class CheckpointRecorder(
    CheckpointStore store, LedgerWriter ledger, RunRecorder recorder, RetentionPolicy retention, ParameterLayout layout, string jobHash, long stepsPerEpoch)
    : ICheckpointWriter
{
    private readonly ConcurrentQueue<LedgerEntry> _committed = [];
    private readonly List<LedgerEntry> _unwritten = [];

    /// <summary>Remembers a committed step for the ledger; called in the order of steps, from one thread.</summary>
    public void Commit(StepCommitted step) =>
        _committed.Enqueue(new LedgerEntry(step.Step, step.TokenHash, step.TokenCount, step.IsSkipped));

    /// <inheritdoc/>
    public void Write(SaveCheckpoint save)
    {
        var state = save.State;
        while (_committed.TryPeek(out var entry) && entry.Step < state.Version)
        {
            _committed.TryDequeue(out _);
            _unwritten.Add(entry);
        }

        ledger.Append(_unwritten);
        _unwritten.Clear();
        recorder.FlushToDisk();
        store.Save(new CheckpointSnapshot(
            new CheckpointState(
                state.Version,
                state.Version / stepsPerEpoch,
                state.ExamplesSeen,
                state.TokensSeen,
                state.OptimizerSteps,
                save.ValidationLoss,
                jobHash,
                ledger.Chain),
            NamedTensor.FromLayout(layout, () => state.Parameters.Values.Span),
            OptimizerTensors(state)));
        Prune();
    }

    /// <summary>The checkpoint is complete: an old one that stays is no reason to call it failed.</summary>
    private void Prune()
    {
        try
        {
            store.Prune(retention);
        }
        catch (RnnLmException failure) when (failure.ExitCode == ExitCode.Storage)
        {
            recorder.Warn(failure.Message);
        }
    }

    private List<NamedTensor> OptimizerTensors(TrainingState state) =>
    [
        .. NamedTensor.FromLayout(layout, () => state.FirstMoment.Values.Span, StoredState.FirstMomentPrefix),
        .. NamedTensor.FromLayout(layout, () => state.SecondMoment.Values.Span, StoredState.SecondMomentPrefix),
    ];
}
