namespace RnnLm.Coordinator;

/// <summary>Shows a training run to a person or a program. Called from one thread at a time.</summary>
public interface ITrainingView : IDisposable
{
    /// <summary>One line that stays.</summary>
    void Notice(string text);

    /// <summary>How far a piece of the set-up is.</summary>
    /// <param name="what">What is being done.</param>
    /// <param name="fraction">0 to 1.</param>
    void Preparing(string what, double fraction);

    /// <summary>Training begins.</summary>
    void Begin(TrainingExtent extent);

    /// <summary>Something happened.</summary>
    void Show(TrainingEvent trainingEvent);

    /// <summary>A continuation of a prompt by the model.</summary>
    void Sample(string prompt, string continuation);

    /// <summary>Training has reached its last step.</summary>
    void Finish(TrainingSummary summary);
}

/// <summary>From where to where a run goes.</summary>
/// <param name="FirstStep">The step to begin with.</param>
/// <param name="TotalSteps">The step to stop at.</param>
/// <param name="StepsPerEpoch">Steps of one pass over the corpus.</param>
/// <param name="PromptColumns">Columns of the widest prompt in a terminal.</param>
public sealed record TrainingExtent(
    long FirstStep, long TotalSteps, long StepsPerEpoch, int PromptColumns = 0);

/// <summary>What a finished run came to.</summary>
/// <param name="RunPath">The run directory.</param>
/// <param name="Steps">Steps made in all.</param>
/// <param name="TrainingSeconds">Seconds of training in this process.</param>
/// <param name="TokensPerSecond">Predicted tokens a second in this process.</param>
/// <param name="IdleShare">Share of the time in which no worker had anything to compute.</param>
/// <param name="ValidationLoss">Loss per token of the last version on the validation text, in nats; null without such
/// text.</param>
/// <param name="PerplexityPerWord">The same by word, comparable between tokenizers.</param>
/// <param name="ModelSha256">SHA-256 of the final <c>model.safetensors</c>.</param>
/// <param name="OptimizerSha256">SHA-256 of the final <c>optimizer.safetensors</c>.</param>
public sealed record TrainingSummary(
    string RunPath,
    long Steps,
    double TrainingSeconds,
    double TokensPerSecond,
    double IdleShare,
    double? ValidationLoss,
    double? PerplexityPerWord,
    string ModelSha256,
    string OptimizerSha256)
{
    /// <summary>Perplexity per token of the last version on the validation text; null without such text.</summary>
    public double? Perplexity => ValidationLoss is { } loss ? Math.Exp(loss) : null;
}
