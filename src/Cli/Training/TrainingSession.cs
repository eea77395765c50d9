using RnnLm.Coordinator;
using RnnLm.Data;
using RnnLm.Engines;
using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary>The <c>train</c> command from request to summary: job → run directory → coordinator and workers → result.</summary>
internal sealed class TrainingSession(TrainRequest request, ITrainingView view, TimeProvider time)
{
    /// <summary>Trains; returns when the last step is saved.</summary>
    /// <exception cref="RnnLmException">Why it could not, or did not reach the last step.</exception>
    public async Task RunAsync()
    {
        var devices = DeviceChoice.Parse(request.Get(TrainSettings.Device));
        using var prepared = new JobPreparation(request, view).Run(devices);
        var config = prepared.Config;
        var layout = ParameterLayout.For(config.Job.Model);
        using var buffers = new FloatBufferPool(layout.Length);

        // Made before the run directory, so that weights that cannot be used leave nothing behind.
        var initial = request.Resumed is null ? InitialState(config.Job, layout, buffers) : null;
        var run = RunDirectory.CreateOrOpen(request.Get(TrainSettings.Run) ?? DefaultRunPath());

        // Before the jobs are compared: of a run that is being trained, that is what there is to say.
        using var lease = run.TakeLease(LeaseHolder.ThisProcess());
        RequireSameJob(run, config.Job);
        await TrainAsync(run, lease, config, prepared, devices, initial, buffers).ConfigureAwait(false);
    }

    private string DefaultRunPath()
    {
        for (int number = 1; ; number++)
        {
            string path = Path.Combine("runs", $"{request.Get(TrainSettings.PresetName)}-{number}");
            if (!Path.Exists(path))
            {
                return path;
            }
        }
    }

    private void RequireSameJob(RunDirectory run, Job job)
    {
        if (!run.HasConfig)
        {
            return;
        }

        var differences = JobFormat.Differences(RunConfig.Read(run).Job, job);
        if (differences.Count > 0)
        {
            string cure = differences.All(difference => difference.StartsWith("numerics", StringComparison.Ordinal))
                ? "go on with the device and library of the run, or let this machine work all the same with --allow-mixed"
                : "give these settings as they were, or another --run";
            throw RnnLmException.BadInput($"'{run.Root}' holds another job: {string.Join("; ", differences)}; {cure}");
        }

        if (request.Resumed is null)
        {
            throw RnnLmException.BadInput($"'{run.Root}' holds this job already; add --resume to go on with it, or give another --run");
        }
    }

    private TrainingState InitialState(Job job, ParameterLayout layout, FloatBufferPool buffers) => request.Get(TrainSettings.InitialWeights) is { } weights
        ? StoredState.FromWeights(weights, layout, buffers)
        : StoredState.Initial(job, buffers);

    private async Task TrainAsync(
        RunDirectory run, Lease lease, RunConfig config, PreparedJob prepared, DeviceChoice devices, TrainingState? initial, FloatBufferPool buffers)
    {
        var job = config.Job;

        // From here on a signal saves before it ends; until here there is nothing to save, and it ends the process at once.
        using var signals = new StopSignals();
        var layout = ParameterLayout.For(job.Model);
        using var gradients = new GradientPool(layout);
        if (request.Resumed is null)
        {
            run.WriteTokenizer(lease, TokenizerDirectory.Files(prepared.Corpus.Tokenizer));
        }

        void SaveConfig(RunConfig changed) => run.WriteConfig(lease, changed.ToJson());
        SaveConfig(config);
        var store = run.OpenCheckpoints(lease);
        var (state, ledgerChain, bestLoss) = initial is null ? Resume(run, store, config, layout, buffers) : (initial, LedgerChain.Empty, null);
        long firstStep = state.Version;
        long stepsPerEpoch = prepared.Inputs.Plan.StepsPerEpoch;
        using var ledger = run.OpenLedger(lease, firstStep, ledgerChain);
        using var metrics = run.OpenMetrics(lease, firstStep);
        view.Notice(Describe(prepared, run));
        view.Begin(new TrainingExtent(firstStep, config.TotalSteps, stepsPerEpoch));

        var recorder = new RunRecorder(metrics, view, stepsPerEpoch, time);
        var checkpoints = new CheckpointRecorder(store, ledger, recorder, new RetentionPolicy(config.Get(TrainSettings.Keep), config.Get(TrainSettings.KeepEvery)), layout, config.JobHash, stepsPerEpoch);
        var observer = new RunObserver(checkpoints, recorder, config, prepared.Corpus.Tokenizer, SaveConfig);
        int workers = devices.Kind == DeviceKind.Cpu ? request.Get(TrainSettings.Workers) : devices.Indices.Count;
        int threadsPerWorker = request.Get(TrainSettings.Threads) ?? Math.Max(1, Environment.ProcessorCount / request.Get(TrainSettings.Workers));
        int threads = Math.Min(Environment.ProcessorCount, workers * threadsPerWorker);
        var coordinator = new CoordinatorBehaviour(
            new CoordinatorSettings(
                lease.Incarnation,
                config.TotalSteps,
                config.Get(TrainSettings.CheckpointEvery),
                config.Get(TrainSettings.EvaluateEvery),
                config.SelfTest,
                request.Get(TrainSettings.AllowMixed),
                workers,
                request.Get(TrainSettings.OnDivergence),
                bestLoss,
                IsResumed: request.Resumed is not null),
            prepared.Inputs,
            state,
            new UpdateRule(job.Optimizer, buffers, threads),
            gradients);
        try
        {
            await LocalTraining.RunAsync(
                coordinator,
                devices.Make(workers, threadsPerWorker, job.Model, gradients, time),
                checkpoints,
                observer,
                signals.Requested,
                time).ConfigureAwait(false);
        }
        finally
        {
            await observer.WhenIdleAsync().ConfigureAwait(false);
            await recorder.DisposeAsync().ConfigureAwait(false);
        }

        Conclude(run, prepared.Corpus.Tokenizer, config, recorder.Totals);
    }

    private (TrainingState State, LedgerChain Ledger, double? BestLoss) Resume(
        RunDirectory run, CheckpointStore store, RunConfig config, ParameterLayout layout, FloatBufferPool buffers)
    {
        var search = store.FindNewest();
        foreach (var damaged in search.Damaged)
        {
            view.Notice($"warning: {damaged}");
        }

        if (search.Newest is not { } newest)
        {
            throw RnnLmException.BadInput($"'{run.Root}' has no checkpoint that can be used; start another run");
        }

        view.Notice($"going on from the checkpoint of step {newest.State.Step}");
        bool isSameValidation = config.ValidationHash == request.Resumed!.ValidationHash;
        if (!isSameValidation)
        {
            view.Notice("the validation text is another than before: its losses are compared from here on");
        }

        double? bestLoss = isSameValidation && store.BestStep is { } best ? run.Checkpoints.Check(best).Checkpoint?.State.ValidationLoss : null;
        return (StoredState.Read(newest, layout, buffers), newest.State.Ledger, bestLoss);
    }

    private static string Describe(PreparedJob prepared, RunDirectory run)
    {
        var job = prepared.Config.Job;
        return $"{ParameterLayout.For(job.Model).Length:N0} parameters: vocabulary {job.Model.VocabularySize:N0}, dimension {job.Model.Dimension}, layers {job.Model.Layers}; " +
            $"{prepared.Inputs.Plan.StepsPerEpoch:N0} steps an epoch of {job.Plan.BatchSize} examples in {job.Plan.Shards} shards; run {run.Root}";
    }

    private void Conclude(RunDirectory run, ITokenizer tokenizer, RunConfig config, RunTotals totals)
    {
        var final = run.Checkpoints.FindNewest().Newest!;
        using var continuation = new TextContinuation(config.Job, StoredState.ReadParameters(final, config.Job.Model), tokenizer);
        foreach (string prompt in config.Get(TrainSettings.Prompts))
        {
            if (continuation.TrySample(prompt, config.Job.Seed) is { } text)
            {
                view.Sample(prompt, text);
            }
        }

        view.Finish(new TrainingSummary(
            run.Root,
            final.State.Step,
            totals.Seconds,
            totals.Seconds > 0 ? totals.Tokens / totals.Seconds : 0,
            totals.Seconds > 0 ? totals.UpdateSeconds / totals.Seconds : 0,
            totals.LastEvaluation?.MeanLoss,
            final.Hashes[CheckpointNames.Model],
            final.Hashes[CheckpointNames.Optimizer]));
    }
}
