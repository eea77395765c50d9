using RnnLm.Data;

namespace RnnLm.Cli;

/// <summary>The settings of a job that a user need not give; every option overrides one of them.</summary>
/// <param name="Name">What follows <c>--preset</c>.</param>
/// <param name="Summary">One line for the help.</param>
/// <param name="DefaultCorpus">The text when <c>--corpus</c> is not given; null when it must be.</param>
/// <param name="Mode">How the text is cut into examples.</param>
/// <param name="FoldDigits">Whether runs of digits become <c>###</c>.</param>
/// <param name="SplitSentences">Whether lines are split into sentences.</param>
/// <param name="Tokenizer">Tokeniser spec.</param>
/// <param name="Context">Tokens of an example.</param>
/// <param name="BatchSize">Examples of a step.</param>
/// <param name="Shards">S.</param>
/// <param name="HeldOutPerMille">Share of the text kept for validation when <c>--valid</c> is not given.</param>
/// <param name="Dimension">D.</param>
/// <param name="Layers">Stacked units.</param>
/// <param name="LearningRate">Adam's step size.</param>
/// <param name="Clip">Largest gradient norm; 0 for none.</param>
/// <param name="Schedule">Shape of the learning rate.</param>
/// <param name="WarmupSteps">Steps in which the learning rate grows.</param>
/// <param name="Epochs">Passes over the text when neither <c>--steps</c> nor <c>--epochs</c> is given.</param>
/// <param name="EvaluateEvery">Steps between evaluations; 0 for the last only.</param>
/// <param name="CheckpointEvery">Steps between checkpoints; 0 for the first and last only.</param>
/// <param name="Prompts">Beginnings that the trained model continues for the user to see.</param>
internal sealed record Preset(
    string Name,
    string Summary,
    Func<PackageStore, IReadOnlyList<string>>? DefaultCorpus,
    ExampleMode Mode,
    bool FoldDigits,
    bool SplitSentences,
    string Tokenizer,
    int Context,
    int BatchSize,
    int Shards,
    int HeldOutPerMille,
    int Dimension,
    int Layers,
    double LearningRate,
    double Clip,
    ScheduleKind Schedule,
    long WarmupSteps,
    double Epochs,
    long EvaluateEvery,
    long CheckpointEvery,
    IReadOnlyList<string> Prompts)
{
    /// <summary>About three minutes on two cores: English sentences of the State of the Union addresses.</summary>
    public static Preset Quick { get; } = new(
        "quick",
        "about three minutes on two cores, on the State of the Union addresses",
        DefaultCorpora.StateOfTheUnion,
        ExampleMode.Sentences,
        FoldDigits: true,
        SplitSentences: true,
        Tokenizer: "bpe:4000",
        Context: 64,
        BatchSize: 32,
        Shards: 8,
        HeldOutPerMille: 20,
        Dimension: 192,
        Layers: 2,
        LearningRate: 4e-3,
        Clip: 1,
        ScheduleKind.Cosine,
        WarmupSteps: 100,
        Epochs: 2,
        EvaluateEvery: 500,
        CheckpointEvery: 500,
        Prompts: ["The people of the United States", "We must", "Our economy"]);

    /// <summary>The reference model exactly.</summary>
    public static Preset LmBook { get; } = new(
        "lm-book",
        "the reference model: 8,292,619 parameters, LLaMA pieces, one sentence a line (give --corpus)",
        DefaultCorpus: null,
        ExampleMode.Sentences,
        FoldDigits: true,
        SplitSentences: false,
        Tokenizer: "llama",
        Context: 30,
        BatchSize: 128,
        Shards: 8,
        HeldOutPerMille: 10,
        Dimension: 128,
        Layers: 2,
        LearningRate: 1e-3,
        Clip: 0,
        ScheduleKind.Constant,
        WarmupSteps: 0,
        Epochs: 1,
        EvaluateEvery: 1000,
        CheckpointEvery: 1000,
        Prompts: ["The President", "Moscow", "The best"]);

    /// <summary>Characters of a novel.</summary>
    public static Preset Char { get; } = new(
        "char",
        "a character model, on Moby Dick unless --corpus is given",
        DefaultCorpora.MobyDick,
        ExampleMode.Windows,
        FoldDigits: false,
        SplitSentences: false,
        Tokenizer: "char",
        Context: 64,
        BatchSize: 64,
        Shards: 8,
        HeldOutPerMille: 50,
        Dimension: 256,
        Layers: 2,
        LearningRate: 2e-3,
        Clip: 1,
        ScheduleKind.Cosine,
        WarmupSteps: 100,
        Epochs: 3,
        EvaluateEvery: 500,
        CheckpointEvery: 500,
        Prompts: ["The whale ", "Captain Ahab "]);

    /// <summary>All presets by name.</summary>
    public static IReadOnlyDictionary<string, Preset> All { get; } =
        new[] { Quick, LmBook, Char }.ToDictionary(preset => preset.Name);

    /// <summary>The settings of a run, so that what is not given when it is resumed stays as it was.</summary>
    public static Preset Of(RunConfig run)
    {
        var job = run.Job;
        return new Preset(
            run.Preset,
            string.Empty,
            DefaultCorpus: null,
            job.Plan.Mode,
            job.Corpus.FoldDigits,
            job.Corpus.SplitSentences,
            job.Tokenizer.Spec,
            job.Plan.Context,
            job.Plan.BatchSize,
            job.Plan.Shards,
            job.Plan.HeldOutPerMille,
            job.Model.Dimension,
            job.Model.Layers,
            job.Optimizer.LearningRate,
            job.Optimizer.ClipNorm,
            job.Optimizer.Schedule.Kind,
            job.Optimizer.Schedule.WarmupSteps,
            Epochs: 1,
            run.EvaluateEvery,
            run.CheckpointEvery,
            run.Prompts);
    }
}
