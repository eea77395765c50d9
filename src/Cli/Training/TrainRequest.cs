using RnnLm.Coordinator;

namespace RnnLm.Cli;

/// <summary>What the user asked of <c>train</c>, with preset or resumed run filled in. The names are those of the options.</summary>
internal sealed record TrainRequest
{
    public required Preset Preset { get; init; }

    /// <summary>The run that is resumed, as it was recorded; null for a new one.</summary>
    public required RunConfig? Resumed { get; init; }

    public required IReadOnlyList<string> Corpus { get; init; }

    public required string? RunPath { get; init; }

    public required IReadOnlyList<string> Validation { get; init; }

    public required string Tokenizer { get; init; }

    public required ExampleMode Mode { get; init; }

    public required bool FoldDigits { get; init; }

    public required bool SplitSentences { get; init; }

    /// <summary>The field of JSON records that holds the text; null for plain text.</summary>
    public required string? JsonField { get; init; }

    public required bool SentenceTokens { get; init; }

    public required int HeldOutPerMille { get; init; }

    public required int Workers { get; init; }

    public required int ThreadsPerWorker { get; init; }

    public required int Shards { get; init; }

    /// <summary>The step to stop at; null when <see cref="Epochs"/> says it.</summary>
    public required long? Steps { get; init; }

    public required double Epochs { get; init; }

    public required int BatchSize { get; init; }

    public required int Context { get; init; }

    public required int Layers { get; init; }

    public required int Dimension { get; init; }

    public required double LearningRate { get; init; }

    public required ScheduleKind Schedule { get; init; }

    public required long WarmupSteps { get; init; }

    public required double Clip { get; init; }

    public required long Seed { get; init; }

    public required string Device { get; init; }

    public required long EvaluateEvery { get; init; }

    public required long CheckpointEvery { get; init; }

    public required DivergencePolicy OnDivergence { get; init; }

    public required IReadOnlyList<string> Prompts { get; init; }

    /// <summary>A file with the initial parameters; null to draw them from the seed.</summary>
    public required string? InitialWeights { get; init; }

    public required int KeepLast { get; init; }

    /// <summary>0 for none.</summary>
    public required long KeepEvery { get; init; }

    public required bool AllowMixed { get; init; }

    public required bool Json { get; init; }
}
