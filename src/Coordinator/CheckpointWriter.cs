using System.Collections.Concurrent;
using RnnLm.Storage;

namespace RnnLm.Coordinator;

/// <summary>
/// Writes the coordinator's snapshots into the run directory: first the ledger entries and metrics of the steps that a
/// checkpoint covers, then the checkpoint, then the old ones are pruned.
/// </summary>
/// <param name="store">The run's checkpoints.</param>
/// <param name="ledger">The run's ledger.</param>
/// <param name="retention">Which checkpoints stay.</param>
/// <param name="layout">Of the model.</param>
/// <param name="optimizer">The job's.</param>
/// <param name="jobHash">Of the job.</param>
/// <param name="validationText">Which text validation losses are of; <see cref="CheckpointState"/>.</param>
/// <param name="stepsPerEpoch">Of the plan.</param>
public sealed class CheckpointWriter(
    CheckpointStore store,
    LedgerWriter ledger,
    RetentionPolicy retention,
    ParameterLayout layout,
    OptimizerSettings optimizer,
    string jobHash,
    string validationText,
    long stepsPerEpoch)
{
    private readonly ConcurrentQueue<LedgerEntry> _committed = [];
    private readonly List<LedgerEntry> _unwritten = [];

    /// <summary>Remembers a committed step for the ledger; called in the order of steps, from one thread.</summary>
    public void Commit(StepCommitted step)
    {
        ArgumentNullException.ThrowIfNull(step);
        _committed.Enqueue(new LedgerEntry(step.Step, step.TokenHash, step.TokenCount, step.IsSkipped));
    }

    private IEnumerable<NamedTensor> CarriedStates(TrainingState state) => layout.CarriedStates is { } states
        ? [new(states.Name, states.Shape, () => state.Parameters.Values.Span[states.Offset..states.End])]
        : [];

    /// <summary>Writes a checkpoint; one at a time.</summary>
    /// <param name="save">What to write.</param>
    /// <param name="flushMetrics">Puts the metrics of the steps before it on the disk.</param>
    /// <param name="warn">Takes what is no failure of the checkpoint.</param>
    /// <exception cref="RnnLmException">It could not be written (exit code 6), or the lease is lost (4).</exception>
    public void Write(SaveCheckpoint save, Action flushMetrics, Action<string> warn)
    {
        ArgumentNullException.ThrowIfNull(save);
        ArgumentNullException.ThrowIfNull(flushMetrics);
        ArgumentNullException.ThrowIfNull(warn);
        var state = save.State;
        while (_committed.TryPeek(out var entry) && entry.Step < state.Version)
        {
            _committed.TryDequeue(out _);
            _unwritten.Add(entry);
        }

        ledger.Append(_unwritten);
        _unwritten.Clear();
        flushMetrics();
        store.Save(new CheckpointSnapshot(
            new CheckpointState(
                state.Version,
                state.Version / stepsPerEpoch,
                state.ExamplesSeen,
                state.TokensSeen,
                state.OptimizerSteps,
                save.ValidationLoss,
                jobHash,
                ledger.Chain)
            {
                ValidationText = save.ValidationLoss is null ? null : validationText,
                Plateau = state.Plateau,
                SinceBest = state.SinceBest,
            },
            NamedTensor.FromLayout(layout, () => state.Parameters.Values.Span),
            [
                .. optimizer.Moments.Zip(state.Moments).SelectMany(moment => NamedTensor.FromLayout(
                    layout, () => moment.Second.Values.Span, StoredState.PrefixOf(moment.First))),
                .. CarriedStates(state),
            ]));
        try
        {
            store.Prune(retention);
        }
        catch (RnnLmException failure) when (failure.ExitCode == ExitCode.Storage)
        {
            // The checkpoint is complete: an old one that stays is no reason to call it failed.
            warn(failure.Message);
        }
    }
}
