namespace RnnLm.Worker;

/// <summary>Compute the gradient of the fixed test shard on this worker's device; answered by <see cref="SelfTestDone"/>.</summary>
public sealed record RunSelfTest : Effect;

/// <summary>Sum loss and gradient over the shards of a range; answered by <see cref="RangeComputed"/>. The device owns one reference to the version.</summary>
public sealed record ComputeRange(
    long Incarnation, ParameterVersion Version, ShardRange Range, IReadOnlyList<ShardTokens> Shards) : Effect;

/// <summary>The loss of a piece of validation text; answered by <see cref="PieceEvaluated"/>. The device owns one reference to the version.</summary>
public sealed record ComputeLoss(Evaluate Request, ParameterVersion Version) : Effect;

/// <summary>The hash of the test shard's gradient on this device.</summary>
public sealed record SelfTestDone(string Hash) : Message;

/// <summary>The device has summed a range.</summary>
public sealed record RangeComputed(
    long Incarnation, long Step, ShardRange Range, ulong TokenHash, Gradient Gradient, TimeSpan Elapsed) : Message;

/// <summary>The device has evaluated a piece.</summary>
public sealed record PieceEvaluated(Evaluate Request, double LossSum, long TokenCount) : Message;
