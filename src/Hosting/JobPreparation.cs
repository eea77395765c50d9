using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using RnnLm.Coordinator;
using RnnLm.Data;
using RnnLm.Storage;

namespace RnnLm.Hosting;

/// <summary>A job with everything that it reads.</summary>
/// <param name="Config">The job, and how this process runs it.</param>
/// <param name="Corpus">The training text; owned.</param>
/// <param name="ValidationCorpus">The validation text, if it has files of its own; owned.</param>
/// <param name="Inputs">Plan and validation pieces.</param>
internal sealed record PreparedJob(
    RunConfig Config, Corpus Corpus, Corpus? ValidationCorpus, CoordinatorInputs Inputs) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        ValidationCorpus?.Dispose();
        Corpus.Dispose();
    }
}

/// <summary>From what the user asked to a job: finds and tokenizes the text, cuts it into examples, and puts all
/// settings together.</summary>
internal sealed class JobPreparation(TrainRequest request, ITrainingView view)
{
    /// <summary>Adam's usual constants (Kingma and Ba, 2015).</summary>
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Epsilon = 1e-8;

    /// <summary>Prepares the job.</summary>
    /// <exception cref="RnnLmException">Text, tokenizer or a setting cannot be used.</exception>
    /// <param name="numerics">What computes: <c>cpu</c> or <c>cuda</c>.</param>
    public PreparedJob Run(string numerics)
    {
        var settings = request.ToJson();
        var draft = Draft(settings);
        var textSettings = CorpusSource.SettingsOf(draft);
        textSettings.Require();
        var source = new CorpusSource(view);
        var preset = Preset.All[request.Get(TrainSettings.PresetName)];
        var patterns = source.Patterns(preset, request.Get(TrainSettings.Corpus));
        var corpus = LoadCorpus(source, patterns, textSettings);
        string[] validationPatterns = request.Get(TrainSettings.Validation);
        var validationCorpus = validationPatterns.Length > 0
            ? source.Load("the validation text", validationPatterns, textSettings, corpus.Tokenizer)
            : null;

        var inputs = InputsOf(draft.Plan, corpus, validationCorpus);
        long totalSteps = request.Get(TrainSettings.Steps)
            ?? checked((long)Math.Ceiling(request.Get(TrainSettings.Epochs) * inputs.Plan.StepsPerEpoch));
        if (request.GoesByEvaluations is { } option && inputs.Validation.Count == 0)
        {
            throw RnnLmException.Usage(
                $"{option} goes by evaluations, and there is no validation text; give --valid, or a larger --held-out");
        }

        settings.Set(TrainSettings.Steps.Keys[0], totalSteps);
        var schedule = Complete(
            draft.Optimizer.Schedule, totalSteps, inputs.Plan.StepsPerEpoch, validationCorpus?.ContentHash);
        var job = Complete(draft, corpus, schedule, numerics);
        if (request.Resumed is { Tokens: not null } submitted)
        {
            KeepSubmission(submitted, settings, validationCorpus);
        }

        var config = new RunConfig(
            settings,
            job,
            validationCorpus?.ContentHash,
            request.Resumed?.SelfTest,
            (request.Resumed?.Reproducible ?? true) && job.Numerics == numerics);
        return new PreparedJob(config, corpus, validationCorpus, inputs);
    }

    /// <summary>A job that was prepared elsewhere, from its token files.</summary>
    /// <param name="config">As it was recorded.</param>
    /// <param name="corpus">The training text; owned.</param>
    /// <param name="validationCorpus">The validation text, if it has files of its own; owned.</param>
    public static PreparedJob Of(RunConfig config, Corpus corpus, Corpus? validationCorpus) =>
        new(config, corpus, validationCorpus, InputsOf(config.Job.Plan, corpus, validationCorpus));

    /// <summary>A run of a run storage stays one: coordinators go on with the token files that it names.</summary>
    private void KeepSubmission(RunConfig submitted, JsonObject settings, Corpus? validationCorpus)
    {
        if (submitted.ValidationHash != validationCorpus?.ContentHash)
        {
            throw RnnLmException.BadInput(
                $"'{request.Get(TrainSettings.Run)}' was submitted with another validation text, which coordinators " +
                "would go on with; give that one by --valid, or submit another job");
        }

        foreach (string key in RunConfig.SubmittedKeys)
        {
            settings[key] = submitted.Settings[key]?.DeepClone();
        }
    }

    private static CoordinatorInputs InputsOf(PlanSettings settings, Corpus corpus, Corpus? validationCorpus)
    {
        var examples = CorpusExamples.ForTraining(corpus.Tokens, settings);
        return new CoordinatorInputs(
            new Plan(examples.Training, settings),
            new ExamplePieces(
                validationCorpus is null
                    ? examples.HeldOut
                    : CorpusExamples.ForEvaluation(validationCorpus.Tokens, settings),
                settings),
            settings.IsStreams);
    }

    private Corpus LoadCorpus(CorpusSource source, IReadOnlyList<string> patterns, CorpusSettings settings) =>
        request.Resumed is null
            ? source.Load("the corpus", patterns, settings, TokenizerSpec.Parse(request.Get(TrainSettings.Tokenizer)))
            : source.Load("the corpus", patterns, settings, new StoredRun(request.Get(TrainSettings.Run)!).Tokenizer);

    /// <summary>The job as far as settings decide it; what comes from the text is still empty.</summary>
    private static Job Draft(JsonObject settings)
    {
        var json = (JsonObject)settings.DeepClone();
        foreach (var (key, value) in new (string, JsonNode?)[]
        {
            ("corpus.hash", ""), ("tokenizer.hash", ""), ("model.vocabulary_size", 0), ("model.padding_id", -1),
            ("initial_weights", null),
            ("optimizer.beta1", Beta1), ("optimizer.beta2", Beta2), ("optimizer.epsilon", Epsilon),
            ("gradient_dtype", "float32"), ("numerics", ""),
        })
        {
            json.Set($"job.{key}", value);
        }

        return json["job"].Deserialize<Job>(JobFormat.JsonOptions)!;
    }

    private Job Complete(Job draft, Corpus corpus, LearningRateSchedule schedule, string numerics)
    {
        var recorded = request.Resumed?.Job;
        var tokenizer = corpus.Tokenizer;
        return draft with
        {
            Corpus = draft.Corpus with { Hash = corpus.ContentHash },

            // A run that is resumed has its tokenizer; another that is asked for is a difference between the jobs.
            Tokenizer = new TokenizerIdentity(
                recorded is null ? tokenizer.Spec : $"{TokenizerSpec.Parse(draft.Tokenizer.Spec)}", tokenizer.Hash),
            Model = draft.Model with
            {
                VocabularySize = tokenizer.VocabularySize,
                PaddingId = tokenizer.PaddingId,
                DropoutSeed = draft.Model.Dropout > 0 ? draft.Seed : 0,
                CarriedRows = draft.Plan.IsStreams ? draft.Plan.BatchSize : 0,
            },
            Optimizer = draft.Optimizer with { Schedule = schedule },
            InitialWeights = request.Get(TrainSettings.InitialWeights) is { } weights
                ? HashOf(weights)
                : recorded?.InitialWeights,
            Numerics = request.Get(TrainSettings.AllowMixed) && recorded is not null ? recorded.Numerics : numerics,
        };
    }

    /// <summary>The schedule with what its kind goes by.</summary>
    private LearningRateSchedule Complete(
        LearningRateSchedule draft, long totalSteps, long stepsPerEpoch, string? validationHash) => draft.Kind switch
        {
            ScheduleKind.Cosine when draft.TotalSteps == 0 =>
                draft with { TotalSteps = request.Resumed?.Job.Optimizer.Schedule.TotalSteps ?? totalSteps },
            ScheduleKind.EpochDecay => draft with { StepsPerEpoch = stepsPerEpoch },
            ScheduleKind.Plateau => draft with
            {
                EvaluateEvery = request.Get(TrainSettings.EvaluateEvery),
                ValidationHash = validationHash,
            },
            _ => draft,
        };

    /// <summary>SHA-256 (hex) of a file of weights.</summary>
    private static string HashOf(string path)
    {
        // Looks at the header and the length first: a device would be read for ever.
        SafetensorsFile.Open(path).Dispose();
        try
        {
            using var stream = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.BadInput($"--init {path}: cannot be read ({failure.Message}); give a " +
                $"model.safetensors", failure);
        }
    }
}
