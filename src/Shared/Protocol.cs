namespace RnnLm.Shared;

/// <summary>A message by which a worker shows that it lives.</summary>
public interface IFromWorker
{
    /// <summary>Who.</summary>
    ActorId Worker { get; }
}

/// <summary>Worker → coordinator: I am ready to work.</summary>
/// <param name="Worker">Who.</param>
/// <param name="Threads">Shards it computes side by side: its assumed speed until one is measured.</param>
/// <param name="SelfTestHash">Hash of its gradient of the fixed test shard; workers of a run must agree on it.</param>
public sealed record Join(ActorId Worker, int Threads, string SelfTestHash) : Message, IFromWorker;

/// <summary>Coordinator → worker: the parameters of step <c>Version.Version</c>. The receiver owns one
/// reference.</summary>
public sealed record Publish(long Incarnation, ParameterVersion Version) : Message
{
    /// <inheritdoc/>
    public override void Release() => Version.Release();
}

/// <summary>One range of an assignment with its tokens.</summary>
/// <param name="Range">Which shards.</param>
/// <param name="Attempt">Grows when the same range is asked of the same worker again because its result did not
/// come.</param>
/// <param name="Shards">The tokens of each shard of the range.</param>
public sealed record AssignedRange(ShardRange Range, int Attempt, IReadOnlyList<ShardTokens> Shards);

/// <summary>
/// Coordinator → worker: all ranges of step <paramref name="Step"/> that are yours. Replaces what was assigned before
/// for that step and not begun. Sent one step ahead of the parameters, so that a worker begins as soon as it has them.
/// </summary>
public sealed record Assign(long Incarnation, long Step, IReadOnlyList<AssignedRange> Ranges) : Message;

/// <summary>Worker → coordinator: the sum over a range. The receiver owns the gradient.</summary>
/// <param name="Incarnation">Of the coordinator that asked.</param>
/// <param name="Worker">Who computed it.</param>
/// <param name="Step">Version of the parameters it was computed from.</param>
/// <param name="Range">Which shards.</param>
/// <param name="TokenHash">Fold of the hashes of the shards it was computed from (<see cref="TokenHash"/>).</param>
/// <param name="Gradient">Sum of loss and gradient, and token count.</param>
public sealed record RangeResult(
    long Incarnation, ActorId Worker, long Step, ShardRange Range, ulong TokenHash, Gradient Gradient)
    : Message, IFromWorker
{
    /// <inheritdoc/>
    public override void Release() => Gradient.Release();
}

/// <summary>
/// Worker → coordinator: a range could not be computed. The worker lives on; whether the range is at fault or the
/// worker shows when another computes it.
/// </summary>
/// <param name="Incarnation">Of the coordinator that asked.</param>
/// <param name="Worker">Who failed.</param>
/// <param name="Step">Version of the parameters.</param>
/// <param name="Range">Which shards.</param>
/// <param name="Attempt">How often that was asked of it: a word that comes twice counts once.</param>
/// <param name="Cause">What the device said, one line.</param>
public sealed record RangeFailed(
    long Incarnation, ActorId Worker, long Step, ShardRange Range, int Attempt, string Cause)
    : Message, IFromWorker;

/// <summary>Coordinator → worker: the loss, without gradient, of one piece of the validation text under the version
/// you hold. The attempt counts how often the piece was asked for.</summary>
public sealed record Evaluate(long Incarnation, long Version, int Piece, int Attempt, ShardTokens Tokens) : Message
{
    /// <summary>The state that the piece, of one example, goes on with, empty for zeros, where that after it is wanted;
    /// null where each example begins with zeros.</summary>
    public float[]? States { get; init; }
}

/// <summary>Worker → coordinator: the loss of one piece of the validation text.</summary>
public sealed record EvaluationResult(
    long Incarnation, ActorId Worker, long Version, int Piece, double LossSum, long TokenCount) : Message, IFromWorker
{
    /// <summary>That of the question.</summary>
    public int Attempt { get; init; }

    /// <summary>The state after the piece, where it was wanted.</summary>
    public float[]? States { get; init; }
}

/// <summary>Worker → coordinator: a piece of the validation text could not be evaluated; the worker lives
/// on.</summary>
public sealed record EvaluationFailed(
    long Incarnation, ActorId Worker, long Version, int Piece, int Attempt, string Cause)
    : Message, IFromWorker;

/// <summary>Coordinator → worker that was given up: if you are there, let your device test itself again and join anew.
/// It may be that all it said was lost, and it has nothing more to say.</summary>
public sealed record Recall(long Incarnation) : Message;

/// <summary>Coordinator → worker: there is no more work.</summary>
public sealed record Dismiss(long Incarnation) : Message;
