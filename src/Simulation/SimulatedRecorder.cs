using RnnLm.Coordinator;
using RnnLm.Storage;

namespace RnnLm.Simulation;

/// <summary>What a coordinator's recorder does, with the product's own files: checkpoints and metrics.</summary>
/// <param name="coordinator">Whose.</param>
/// <param name="writer">Writes checkpoints.</param>
/// <param name="metrics">The metrics file.</param>
internal sealed class SimulatedRecorder(SimulatedCoordinator coordinator, CheckpointWriter writer, MetricsLog metrics)
    : IRunRecorder
{
    private static readonly TimeSpan s_turn = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_flushPause = TimeSpan.FromSeconds(2);

    private readonly TaskCompletionSource<RnnLmException> _leaseLost = new();
    private readonly Queue<Action> _metricsWork = [];
    private TimeSpan _flushed;

    private World World => coordinator.World;

    private SimulatedProcess Process => coordinator.Process;

    /// <inheritdoc/>
    public Task<RnnLmException> LeaseLost => _leaseLost.Task;

    /// <inheritdoc/>
    public void Observe(TrainingEvent trainingEvent)
    {
        if (trainingEvent is StepCommitted step)
        {
            writer.Commit(step);
        }

        World.Checks.Observe(coordinator, trainingEvent);
        if (EventJson.Of(trainingEvent, World.Scenario.Job.StepsPerEpoch) is { } properties)
        {
            OnMetrics(() =>
            {
                metrics.Append(properties);
                if (World.Time.Now - _flushed > s_flushPause)
                {
                    _flushed = World.Time.Now;
                    metrics.Flush();
                }
            });
        }
    }

    /// <inheritdoc/>
    public void Illustrate(ParameterVersion version) => version.Release();

    /// <inheritdoc/>
    public void Write(SaveCheckpoint save)
    {
        World.Checks.Saved(save.State);
        writer.Write(save, FlushMetrics, warning => World.Note(Process.Name, warning));
        World.Checks.Written(save.State.Version);
    }

    /// <summary>One piece of work on the metrics after the other, beside the actor.</summary>
    private void OnMetrics(Action work)
    {
        _metricsWork.Enqueue(work);
        if (_metricsWork.Count > 1)
        {
            return;
        }

        Process.Begin(() =>
        {
            while (_metricsWork.TryPeek(out var next))
            {
                try
                {
                    next();
                }
                catch (RnnLmException failure) when (failure.ExitCode == ExitCode.Cluster)
                {
                    Process.Post(TimeSpan.Zero, () => LoseLease(failure));
                }
                catch (RnnLmException failure)
                {
                    World.Checks.MetricsFailed(failure);
                }

                _metricsWork.Dequeue();
            }
        });
    }

    private void LoseLease(RnnLmException failure)
    {
        if (!_leaseLost.Task.IsCompleted)
        {
            coordinator.Observe(new LeaseLost(failure));
            _leaseLost.SetResult(failure);
        }
    }

    private void FlushMetrics()
    {
        bool isDone = false;
        OnMetrics(() =>
        {
            try
            {
                metrics.Flush(toDisk: true);
            }
            finally
            {
                isDone = true;
            }
        });
        while (!isDone)
        {
            Process.Sleep(s_turn);
        }
    }
}
