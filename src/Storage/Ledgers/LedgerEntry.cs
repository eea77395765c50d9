namespace RnnLm.Storage;

/// <summary>What one committed step was computed from.</summary>
/// <param name="Step">The step, from 0.</param>
/// <param name="TokenHash">The hashes that the workers returned, folded in shard order (<see cref="TokenHash"/>).</param>
/// <param name="Tokens">Predicted tokens of the step.</param>
/// <param name="IsSkipped">Whether the step was recorded without an update, because its loss or gradient was not finite.</param>
public readonly record struct LedgerEntry(long Step, ulong TokenHash, long Tokens, bool IsSkipped);
