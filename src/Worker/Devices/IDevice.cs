namespace RnnLm.Worker;

/// <summary>What computes for one worker. Work is queued and answered by a message; nothing blocks the actor.</summary>
public interface IDevice : IDisposable
{
    /// <summary>Shards computed side by side.</summary>
    int Threads { get; }

    /// <summary>Queues work behind what was queued before.</summary>
    /// <param name="work">What to compute.</param>
    /// <param name="answer">Takes the result, that this range or piece has none, or <see cref="DeviceLost"/>, on any
    /// thread.</param>
    void Submit(DeviceWork work, Action<Message> answer);
}

/// <summary>What a worker can ask of its device.</summary>
public abstract record DeviceWork : Effect;

/// <summary>The gradient of the fixed test shard; answered by <see cref="SelfTestDone"/>.</summary>
public sealed record RunSelfTest : DeviceWork;

/// <summary>
/// Loss and gradient summed over the shards of a range; answered by <see cref="RangeComputed"/> or
/// <see cref="RangeNotComputed"/>. The device owns one reference to the version.
/// </summary>
public sealed record ComputeRange(
    long Incarnation, ParameterVersion Version, ShardRange Range, int Attempt, IReadOnlyList<ShardTokens> Shards)
    : DeviceWork;

/// <summary>
/// The loss of a piece of validation text; answered by <see cref="PieceEvaluated"/> or
/// <see cref="PieceNotEvaluated"/>. The device owns one reference to the version.
/// </summary>
public sealed record ComputeLoss(Evaluate Request, ParameterVersion Version) : DeviceWork;

/// <summary>The hash of the test shard's gradient on this device.</summary>
public sealed record SelfTestDone(string Hash) : Message;

/// <summary>The device has summed a range; the receiver owns the gradient.</summary>
public sealed record RangeComputed(
    long Incarnation, long Step, ShardRange Range, ulong TokenHash, Gradient Gradient) : Message
{
    /// <inheritdoc/>
    public override void Release() => Gradient.Release();
}

/// <summary>Computing a shard of the range threw.</summary>
public sealed record RangeNotComputed(long Incarnation, long Step, ShardRange Range, int Attempt, string Cause)
    : Message;

/// <summary>The device has evaluated a piece.</summary>
public sealed record PieceEvaluated(Evaluate Request, double LossSum, long TokenCount, float[]? States) : Message;

/// <summary>Evaluating the piece threw.</summary>
public sealed record PieceNotEvaluated(Evaluate Request, string Cause) : Message;

/// <summary>The device cannot go on: it has no memory, or no library.</summary>
public sealed record DeviceLost(Exception Cause) : Message;
