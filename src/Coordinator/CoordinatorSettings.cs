namespace RnnLm.Coordinator;

/// <summary>What to do with a step whose loss or gradient is not finite.</summary>
public enum DivergencePolicy
{
    /// <summary>End the run; the last version is kept.</summary>
    Stop,

    /// <summary>Leave the parameters, record the step as skipped, and go on.</summary>
    Skip,
}

/// <summary>What to do when two workers compute different results from the same tokens and parameters.</summary>
public enum MismatchPolicy
{
    /// <summary>End the run; the version before the step is kept.</summary>
    Stop,

    /// <summary>Go on without both, as long as there is a third, and compute the step anew.</summary>
    Continue,
}

/// <summary>How one process runs a job. None of it decides a bit of the result.</summary>
/// <param name="Incarnation">Number of this coordinator among those of the run.</param>
/// <param name="TotalSteps">The step count to stop at.</param>
/// <param name="CheckpointEvery">Steps between checkpoints; 0 for none but the first and the last.</param>
/// <param name="EvaluateEvery">Steps between evaluations; 0 for the last only.</param>
/// <param name="ExpectedSelfTest">Hash that workers' self-tests must have; null to take the first worker's.</param>
/// <param name="AllowMixed">Whether workers whose self-test differs may work too; the result is then not
/// reproducible.</param>
/// <param name="WorkerLimit">
/// Workers that there will ever be, after whose loss the run ends; null when others may join, and it waits.
/// </param>
/// <param name="Divergence">What to do with a step that is not finite.</param>
/// <param name="BestLoss">Lowest validation loss of the run so far; null when there was none.</param>
/// <param name="IsResumed">Whether the state was read from a checkpoint, which need not be saved again.</param>
/// <param name="IsEvaluated">Whether that checkpoint holds its validation loss; an evaluation that was due is made
/// up.</param>
public sealed record CoordinatorSettings(
    long Incarnation,
    long TotalSteps,
    long CheckpointEvery,
    long EvaluateEvery,
    string? ExpectedSelfTest,
    bool AllowMixed,
    int? WorkerLimit,
    DivergencePolicy Divergence,
    double? BestLoss,
    bool IsResumed,
    bool IsEvaluated)
{
    /// <summary>Every so many steps, from step 0 on, a range is computed by a second worker too; 0 for never.</summary>
    public long VerifyEvery { get; init; }

    /// <summary>Workers that the first step waits for; later the run goes on with any.</summary>
    public int MinWorkers { get; init; } = 1;

    /// <summary>Evaluations in a row without improvement on the best after which the run is over; 0 for never.
    /// </summary>
    public long Patience { get; init; }

    /// <summary>What to do when the two differ.</summary>
    public MismatchPolicy OnMismatch { get; init; }

    /// <summary>Chooses, with the step, which range that is.</summary>
    public long Seed { get; init; }
}

/// <summary>What the coordinator works on.</summary>
/// <param name="Plan">The examples of each step.</param>
/// <param name="Validation">The pieces of the validation text, in order; empty for none.</param>
/// <param name="IsOneText">Whether each of them goes on with the state after the one before.</param>
public sealed record CoordinatorInputs(
    IStepPlan Plan, IReadOnlyList<ShardTokens> Validation, bool IsOneText = false);
