namespace RnnLm.Coordinator;

/// <summary>The plan's tokens of a step are there.</summary>
internal sealed record StepPrepared(StepInProgress Step) : Message;

/// <summary>Tokens of a step, or of a piece of the validation text, cannot be read.</summary>
internal sealed record InputFailed(RnnLmException Failure) : Message;

/// <summary>The tokens of a piece of the validation text are there.</summary>
internal sealed record PieceRead(long Version, int Piece, ActorId Worker, ShardTokens Tokens) : Message;

/// <summary>The digest of a result is there, by which it is compared.</summary>
/// <param name="Result">The result.</param>
/// <param name="SelfTestHash">Of its worker when it came: one that rounds differently would differ without being wrong.
/// </param>
/// <param name="Digest">Of its sum.</param>
internal sealed record RangeDigested(RangeResult Result, string? SelfTestHash, string Digest) : Message
{
    /// <inheritdoc/>
    public override void Release() => Result.Release();
}

/// <summary>The sum of two sibling ranges is there.</summary>
/// <param name="Tree">That they come from: a step that is computed anew has another.</param>
/// <param name="Step">Its number.</param>
/// <param name="Range">Their parent.</param>
/// <param name="Sum">Of the two.</param>
internal sealed record RangesAdded(ReductionTree<Gradient> Tree, long Step, ShardRange Range, Gradient Sum) : Message
{
    /// <inheritdoc/>
    public override void Release() => Sum.Release();
}

/// <summary>The optimizer has made the next version.</summary>
internal sealed record Updated(UpdateOutcome Outcome) : Message;

/// <summary>Ranges of a step can be late by now.</summary>
internal sealed record LateCheck(long Step) : Message;

/// <summary>It is time to look who has been silent.</summary>
internal sealed record SilenceCheck : Message;

/// <summary>A checkpoint ought to be written by now.</summary>
internal sealed record WritingCheck(long Version) : Message;

/// <summary>There has been no worker for as long as one is waited for.</summary>
internal sealed record NobodyCame : Message;

/// <summary>Someone outside asks to stop: abandon the step in hand, save the last committed version.</summary>
/// <param name="Reason">The exit code that says who asked.</param>
/// <param name="WhyNobody">Why no worker is left or can still come, when that is the reason.</param>
public sealed record StopRequested(ExitCode Reason, string? WhyNobody = null) : Message;

/// <summary>A checkpoint was written, or could not be.</summary>
/// <param name="Version">Whose.</param>
/// <param name="Failure">Null when it was written.</param>
public sealed record CheckpointWritten(long Version, Exception? Failure) : Message;

/// <summary>
/// Write this state; answered by <see cref="CheckpointWritten"/>. The writer owns the snapshot and releases it.
/// </summary>
/// <param name="State">An immutable snapshot.</param>
/// <param name="ValidationLoss">Its loss on the validation text, if it was evaluated.</param>
/// <param name="IsBest">Whether that is the lowest so far.</param>
public sealed record SaveCheckpoint(TrainingState State, double? ValidationLoss, bool IsBest) : Effect;

/// <summary>Another coordinator has taken the run.</summary>
public sealed record LeaseLost(RnnLmException Failure) : Message;

/// <summary>Show what this version writes, for people to read. The receiver owns the reference.</summary>
public sealed record Illustrate(ParameterVersion Version) : Effect;

/// <summary>Tell the run's observers.</summary>
public sealed record Report(TrainingEvent Event) : Effect;
