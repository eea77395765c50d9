using System.Globalization;
using RnnLm.Coordinator;
using RnnLm.Data;
using RnnLm.Storage;
using RnnLm.Worker;

namespace RnnLm.Hosting;

/// <summary>The <c>train</c> command from request to summary: job → run directory → coordinator and workers →
/// result.</summary>
/// <param name="request">What to train.</param>
/// <param name="view">Shows it; owned.</param>
/// <param name="time">The clock.</param>
internal sealed class TrainingSession(TrainRequest request, ITrainingView view, TimeProvider time) : IDisposable
{
    private bool _isRecording;
    private Profiler? _profiler;

    /// <summary>Ends the profile, and the view, unless the recorder has it and has done so.</summary>
    public void Dispose()
    {
        _profiler?.Dispose();
        if (!_isRecording)
        {
            view.Dispose();
        }
    }

    /// <summary>Trains; returns when the last step is saved.</summary>
    /// <param name="listen">Begins to listen for who asks to stop, when there is something to save; until then nothing
    /// is lost by ending the process.</param>
    /// <returns>What it came to.</returns>
    /// <exception cref="RnnLmException">Why it could not, or did not reach the last step.</exception>
    public async Task<TrainingSummary> RunAsync(Func<Task<StopRequested>> listen)
    {
        if (request.Get(TrainSettings.Profile) is { } profile)
        {
            // Not buffered, for what is written are whole events, many at a time; not shared, so that a second process
            // does not empty the file of a first.
            _profiler = new Profiler(
                StorageFailure.Guard(
                    "write",
                    profile,
                    () => new FileStream(profile, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0)),
                "rnnlm train",
                time);
        }

        // Takes a quarter of a second, beside the reading of the corpus.
        var starting = Task.Run(() => TrainingWorkers.MakeAsync(request));
        try
        {
            var devices = DeviceChoice.Parse(request.Get(TrainSettings.Device));
            using var prepared = new JobPreparation(request, view).Run(devices.Numerics);
            var config = prepared.Config;
            var layout = ParameterLayout.For(config.Job.Model);
            var workers = await starting.ConfigureAwait(false);
            using var buffers = workers.MakeBuffers(layout.BufferLength);

            // Made before the run directory, so that weights that cannot be used leave nothing behind.
            var initial = request.Resumed is null ? InitialState(config.Job, layout, buffers) : null;
            var run = RunDirectory.CreateOrOpen(request.Get(TrainSettings.Run) ?? DefaultRunPath());

            // Before the jobs are compared: of a run that is being trained, that is what there is to say.
            using var lease = run.TakeLease(LeaseHolder.ThisProcess());
            RequireSameJob(run, config.Job);
            return await TrainAsync(run, lease, config, prepared, workers, initial, buffers, listen())
                .ConfigureAwait(false);
        }
        finally
        {
            await (await starting.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Version 0 of a job whose parameters are drawn.</summary>
    public static TrainingState InitialState(Job job, FloatBufferPool buffers) => StoredState.Initial(
        job.Optimizer,
        buffers,
        values => ParameterInitialization.Fill(job.Model, job.Seed, values.Span, job.InitUniform));

    /// <summary>Goes on with a run that was prepared, until its last step is saved.</summary>
    /// <param name="run">The run.</param>
    /// <param name="lease">Of this process.</param>
    /// <param name="prepared">Its job.</param>
    /// <param name="workers">Who computes.</param>
    /// <param name="stop">Ends it after saving the last committed version.</param>
    /// <returns>What it came to.</returns>
    /// <exception cref="RnnLmException">Why it did not reach the last step.</exception>
    public async Task<TrainingSummary> GoOnAsync(
        RunDirectory run, Lease lease, PreparedJob prepared, TrainingWorkers workers, Task<StopRequested> stop)
    {
        using var buffers = workers.MakeBuffers(ParameterLayout.For(prepared.Config.Job.Model).BufferLength);
        return await TrainAsync(run, lease, prepared.Config, prepared, workers, null, buffers, stop)
            .ConfigureAwait(false);
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
                ? "go on with the device and library of the run, or let this machine work all the same by --allow-mixed"
                : "give these settings as they were, or another --run";
            throw RnnLmException.BadInput($"'{run.Root}' holds another job: {string.Join("; ", differences)}; {cure}");
        }

        if (request.Resumed is null)
        {
            throw RnnLmException.BadInput($"'{run.Root}' holds this job already; add --resume to go on with it, or " +
                $"give another --run");
        }
    }

    private TrainingState InitialState(Job job, ParameterLayout layout, FloatBufferPool buffers) =>
        request.Get(TrainSettings.InitialWeights) is { } weights
            ? StoredState.FromWeights(weights, layout, job.Optimizer, buffers)
            : InitialState(job, buffers);

    private async Task<TrainingSummary> TrainAsync(
        RunDirectory run,
        Lease lease,
        RunConfig config,
        PreparedJob prepared,
        TrainingWorkers workers,
        TrainingState? initial,
        FloatBufferPool buffers,
        Task<StopRequested> stop)
    {
        var job = config.Job;
        var layout = ParameterLayout.For(job.Model);
        using var gradients = new GradientPool(layout);
        if (initial is not null)
        {
            run.WriteTokenizer(lease, TokenizerDirectory.Files(prepared.Corpus.Tokenizer));
        }

        run.WriteConfig(lease, config.ToJson());
        string validationText = config.ValidationHash ?? string.Empty;
        var store = run.OpenCheckpoints(lease, validationText);
        var (state, ledgerChain, best, isEvaluated) = initial is null
            ? lease.Guard(() => Resume(run, store, config, validationText, layout, buffers))
            : (initial, LedgerChain.Empty, null, false);
        long stepsPerEpoch = prepared.Inputs.Plan.StepsPerEpoch;
        using var ledger = run.OpenLedger(lease, state.Version, ledgerChain);
        view.Notice(Describe(prepared, run));
        WarnOfWarmUp(job.Optimizer.Schedule, config.TotalSteps);

        int threads = Math.Min(Environment.ProcessorCount, workers.Threads);
        var retention = new RetentionPolicy(config.Get(TrainSettings.Keep), config.Get(TrainSettings.KeepEvery));
        var recorded = config;
        await using var recorder = new RunRecorder(
            run.OpenMetrics(lease, state.Version),
            new CheckpointWriter(
                store, ledger, retention, layout, job.Optimizer, config.JobHash, validationText, stepsPerEpoch),
            view,
            new TrainingExtent(
                state.Version,
                config.TotalSteps,
                stepsPerEpoch,
                config.Get(TrainSettings.Prompts)
                    .Max(prompt => (int?)TextWidth.Of(RnnLmException.OneLine(prompt))) ?? 0),
            version => GreedySamples(config, version, prepared.Corpus.Tokenizer),
            joined =>
            {
                string selfTest = recorded.SelfTest ?? joined.SelfTestHash;
                bool isSame = selfTest == joined.SelfTestHash;
                var changed = recorded with { SelfTest = selfTest, Reproducible = recorded.Reproducible && isSame };
                if (changed != recorded)
                {
                    run.WriteConfig(lease, changed.ToJson());
                    recorded = changed;
                }
            },
            time,
            _profiler);
        _isRecording = true;
        var coordinator = new CoordinatorBehaviour(
            new CoordinatorSettings(
                lease.Incarnation,
                config.TotalSteps,
                config.Get(TrainSettings.CheckpointEvery),
                config.Get(TrainSettings.EvaluateEvery),
                config.SelfTest,
                request.Get(TrainSettings.AllowMixed),
                workers.Limit,
                request.Get(TrainSettings.OnDivergence),
                best?.ValidationLoss,
                IsResumed: initial is null,
                isEvaluated)
            {
                Patience = config.Get(TrainSettings.Patience),
                VerifyEvery = config.Get(TrainSettings.VerifyEvery),
                OnMismatch = config.Get(TrainSettings.OnMismatch),
                MinWorkers = MinWorkers(workers),
                Seed = job.Seed,
            },
            prepared.Inputs,
            state,
            new Optimizer(job.Optimizer, layout, buffers, threads, stepsPerEpoch));
        try
        {
            await CoordinatorActor.RunAsync(
                workers.System,
                new ActorId(workers.CoordinatorName),
                coordinator,
                recorder,
                address => workers.Start(new TrainingWork(
                    address,
                    job,
                    lease.Incarnation,
                    buffers,
                    gradients,
                    text => recorder.Show(view => view.Notice(text)),
                    _profiler)),
                Task.WhenAny(stop, workers.Exhausted).Unwrap(),
                _profiler).ConfigureAwait(false);
        }
        finally
        {
            await workers.EndAsync().ConfigureAwait(false);
            EndProfile(recorder);
        }

        return Finish(run, prepared, config, recorder);
    }

    /// <summary>A profile that lacks something is worth a warning, not the run.</summary>
    private void EndProfile(RunRecorder recorder)
    {
        _profiler?.Dispose();
        if (_profiler?.WhyIncomplete is { } reason)
        {
            recorder.Warn($"the profile is not complete: {reason}");
        }
    }

    private int MinWorkers(TrainingWorkers workers)
    {
        int least = request.Get(TrainSettings.MinWorkers);
        return workers.Limit < least
            ? throw RnnLmException.Usage($"--min-workers {least}: there will be {workers.Limit}; give fewer")
            : least;
    }

    private (TrainingState State, LedgerChain Ledger, CheckpointState? Best, bool IsEvaluated) Resume(
        RunDirectory run,
        CheckpointStore store,
        RunConfig config,
        string validationText,
        ParameterLayout layout,
        FloatBufferPool buffers)
    {
        view.Preparing("finding the newest checkpoint", 0);
        var search = store.FindNewest();
        view.Preparing("finding the newest checkpoint", 1);
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

        var best = store.BestStep is { } step ? run.Checkpoints.Check(step)?.Checkpoint?.State : null;
        bool isEvaluated = isSameValidation && newest.State.LossOn(validationText) is not null;
        view.Preparing("restoring parameters and moments", 0);
        var state = StoredState.Read(newest, layout, config.Job.Optimizer, buffers);
        state = isSameValidation ? state : state with { SinceBest = 0 };
        view.Preparing("restoring parameters and moments", 1);
        return (state, newest.State.Ledger, best, isEvaluated);
    }

    /// <summary>The learning rate is part of the job, the number of steps is not: it is said, not changed.</summary>
    private void WarnOfWarmUp(LearningRateSchedule schedule, long totalSteps)
    {
        if (totalSteps > 0 && schedule.WarmupSteps > totalSteps)
        {
            view.Notice(string.Create(
                CultureInfo.InvariantCulture,
                $"warning: the warm-up of {schedule.WarmupSteps} steps outlasts the run of {totalSteps}: " +
                $"the learning rate reaches {schedule.Factor(totalSteps - 1):P0} of its peak; a shorter --warmup " +
                $"reaches it"));
        }
    }

    private static string Describe(PreparedJob prepared, RunDirectory run)
    {
        var (model, plan) = (prepared.Config.Job.Model, prepared.Config.Job.Plan);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{ParameterLayout.For(model).Length:N0} parameters: vocabulary {model.VocabularySize:N0}, " +
            $"dimension {model.Dimension}, layers {model.Layers}; {prepared.Inputs.Plan.StepsPerEpoch:N0} steps an " +
            $"epoch of {plan.BatchSize} examples in {plan.Shards} shards; run {run.Root}");
    }

    /// <summary>What a version makes of the run's prompts, its most likely continuations.</summary>
    private static IEnumerable<(
        string Prompt, string Text)> GreedySamples(RunConfig config, ParameterVersion version, ITokenizer tokenizer)
    {
        using var continuation = new TextContinuation(config.Job, version.Values.Span, tokenizer);
        foreach (string prompt in config.Get(TrainSettings.Prompts))
        {
            if (continuation.TryGreedy(prompt) is { } text)
            {
                yield return (prompt, text);
            }
        }
    }

    private static TrainingSummary Finish(
        RunDirectory run, PreparedJob prepared, RunConfig config, RunRecorder recorder)
    {
        var tokenizer = prepared.Corpus.Tokenizer;
        var (final, parameters) = run.Checkpoints.ReadNewest(
            newest => Tuple.Create(newest, StoredState.ReadParameters(newest, config.Job.Model)))!;
        using var continuation = new TextContinuation(config.Job, parameters, tokenizer);
        foreach (string prompt in config.Get(TrainSettings.Prompts))
        {
            if (continuation.TrySample(prompt, config.Job.Seed) is { } text)
            {
                recorder.Sample(final.State.Step, prompt, text);
            }
        }

        var totals = recorder.Totals;
        if (totals.Dropped.Count > 0)
        {
            string reasons = string.Join(", ", totals.Dropped.Select(entry => $"{entry.Value} {entry.Key}"));
            recorder.Show(view => view.Notice($"results that came and were not used: {reasons}"));
        }

        var summary = new TrainingSummary(
            run.Root,
            final.State.Step,
            totals.Seconds,
            totals.Seconds > 0 ? totals.Tokens / totals.Seconds : 0,
            totals.Seconds > 0 ? totals.UpdateSeconds / totals.Seconds : 0,
            final.State.ValidationLoss,
            final.State.ValidationLoss is { } loss
                ? PredictedText.Of(prepared.Inputs.Validation, tokenizer).PerplexityPerWord(loss)
                : null,
            final.Hashes[CheckpointNames.Model],
            final.Hashes[CheckpointNames.Optimizer]);
        recorder.Show(view => view.Finish(summary));
        return summary;
    }
}
