namespace RnnLm.Coordinator;

/// <summary>Something that observers of a run (progress display, metrics file, ledger) may want to know.</summary>
public abstract record TrainingEvent;

/// <summary>A step was committed: version Step + 1 exists.</summary>
/// <param name="Step">From 0.</param>
/// <param name="MeanLoss">Loss per token in nats.</param>
/// <param name="TokenCount">Predicted tokens.</param>
/// <param name="ExampleCount">Examples.</param>
/// <param name="GradientNorm">L2 norm of the mean gradient before clipping.</param>
/// <param name="LearningRate">The step's learning rate.</param>
/// <param name="Elapsed">Since the step before was committed.</param>
/// <param name="UpdateElapsed">From the last worker's result to the new version: no worker had anything to
/// compute.</param>
/// <param name="ComputeSeconds">Seconds of processors that the accepted results took.</param>
/// <param name="TokenHash">Hash of the tokens that the accepted results were computed from.</param>
/// <param name="IsSkipped">Whether loss or gradient was not finite and the parameters were left as they are.</param>
public sealed record StepCommitted(
    long Step,
    double MeanLoss,
    long TokenCount,
    int ExampleCount,
    double GradientNorm,
    double LearningRate,
    TimeSpan Elapsed,
    TimeSpan UpdateElapsed,
    double ComputeSeconds,
    ulong TokenHash,
    bool IsSkipped) : TrainingEvent;

/// <summary>A version was evaluated.</summary>
public sealed record Evaluated(long Version, double MeanLoss, bool IsBest) : TrainingEvent;

/// <summary>The run ends with this version: too many evaluations in a row have not improved on the best.</summary>
/// <param name="Version">The last.</param>
/// <param name="Evaluations">How many.</param>
public sealed record OutOfPatience(long Version, long Evaluations) : TrainingEvent;

/// <summary>A worker joined, or came back after it had been given up.</summary>
public sealed record WorkerJoined(ActorId Worker, int Threads, string SelfTestHash) : TrainingEvent;

/// <summary>A worker was refused because its self-test rounds differently from the run's.</summary>
public sealed record WorkerRefused(ActorId Worker, string SelfTestHash, string ExpectedHash) : TrainingEvent;

/// <summary>A worker is gone; its ranges go to others.</summary>
public sealed record WorkerLost(ActorId Worker, string Reason) : TrainingEvent;

/// <summary>There are too few workers; training goes on when there are enough.</summary>
/// <param name="Ready">Those that are ready.</param>
/// <param name="Needed">Those that are waited for.</param>
public sealed record WaitingForWorkers(int Ready, int Needed) : TrainingEvent;

/// <summary>Someone asked to stop; this version, or the one just being made, is saved first.</summary>
public sealed record Stopping(long Version) : TrainingEvent;

/// <summary>A worker is later than expected: others compute its ranges too, the first result wins.</summary>
public sealed record RangesLate(long Step, ActorId Worker) : TrainingEvent;

/// <summary>
/// A worker that owes results has been silent for too long: it was asked again, and is given up next.
/// </summary>
public sealed record ResultsOverdue(long Version, ActorId Worker, TimeSpan Silence) : TrainingEvent;

/// <summary>
/// A result was not used: it came twice or too late, or was computed from other tokens than the plan's.
/// </summary>
public sealed record ResultDropped(long Step, ActorId Worker, string Reason) : TrainingEvent;

/// <summary>A worker could not compute something; another is asked, unless the work itself is at fault.</summary>
/// <param name="Version">Of the parameters.</param>
/// <param name="Worker">Who.</param>
/// <param name="Work">What: shards, or a piece of the validation text.</param>
/// <param name="Reason">What the device said.</param>
public sealed record WorkFailed(long Version, ActorId Worker, string Work, string Reason) : TrainingEvent;

/// <summary>A second worker computed a range to the same bits.</summary>
public sealed record RangeVerified(long Step, ShardRange Range, ActorId Worker, ActorId Second) : TrainingEvent;

/// <summary>A second worker computed other bits: one of the two computes wrongly.</summary>
public sealed record ResultsDiffer(long Step, ShardRange Range, ActorId Worker, ActorId Second) : TrainingEvent;

/// <summary>A step that was due is not verified, since no second worker answers.</summary>
/// <param name="Step">Which.</param>
/// <param name="IsFirst">Whether it is the first of this coordinator: people are told once.</param>
public sealed record NotVerified(long Step, bool IsFirst) : TrainingEvent;

/// <summary>A checkpoint was written.</summary>
public sealed record CheckpointSaved(long Version) : TrainingEvent;

/// <summary>A checkpoint could not be written; training goes on.</summary>
public sealed record CheckpointFailed(long Version, string Reason) : TrainingEvent;
