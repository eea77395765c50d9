using RnnLm.Coordinator;
using RnnLm.Data;
using RnnLm.Engines;

namespace RnnLm.Cli;

/// <summary>Hands the coordinator's events on: to the ledger, to metrics and view, and to the configuration what the first worker's self-test says.</summary>
/// <param name="checkpoints">Writes the ledger with the next checkpoint.</param>
/// <param name="recorder">Feeds metrics and view.</param>
/// <param name="config">The run's configuration.</param>
/// <param name="tokenizer">Reads prompts.</param>
/// <param name="saveConfig">Writes a changed configuration.</param>
internal sealed class RunObserver(
    CheckpointRecorder checkpoints, RunRecorder recorder, RunConfig config, ITokenizer tokenizer, Action<RunConfig> saveConfig) : IRunObserver
{
    private RunConfig _config = config;
    private Task _illustration = Task.CompletedTask;

    /// <inheritdoc/>
    public void Observe(TrainingEvent trainingEvent)
    {
        switch (trainingEvent)
        {
            case StepCommitted step:
                checkpoints.Commit(step);
                break;
            case WorkerJoined joined when _config.SelfTest is null:
                Save(_config with { SelfTest = joined.SelfTestHash });
                break;
            case WorkerJoined joined when _config.SelfTest != joined.SelfTestHash && _config.Reproducible:
                Save(_config with { Reproducible = false });
                break;
        }

        recorder.Record(trainingEvent);
    }

    /// <summary>Continues the run's prompts greedily (row A12 of the reference material), beside training; while that goes on, further versions are not shown.</summary>
    public void Illustrate(ParameterVersion version)
    {
        if (!_illustration.IsCompleted || version.Version >= _config.TotalSteps)
        {
            // The last version is shown at the end.
            version.Release();
            return;
        }

        _illustration = Task.Run(() =>
        {
            try
            {
                using var continuation = new TextContinuation(_config.Job, version.Values.Span, tokenizer);
                foreach (string prompt in _config.Get(TrainSettings.Prompts))
                {
                    if (continuation.TryGreedy(prompt) is { } text)
                    {
                        recorder.Sample(prompt, text);
                    }
                }
            }
#pragma warning disable CA1031 // A sample for the eye that fails is worth a warning, whatever the reason, and not the run.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                recorder.Warn($"step {version.Version} cannot be shown: {failure.Message}");
            }
            finally
            {
                version.Release();
            }
        });
    }

    /// <summary>Ends when nothing is being shown.</summary>
    public Task WhenIdleAsync() => _illustration;

    private void Save(RunConfig changed)
    {
        _config = changed;
        recorder.Write(() => saveConfig(changed));
    }
}
