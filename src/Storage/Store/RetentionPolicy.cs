namespace RnnLm.Storage;

/// <summary>Which checkpoints of a run are kept: the last ones, every M-th, the best, and always that of step 0.</summary>
/// <param name="KeepLast">How many of the newest to keep, at least 1.</param>
/// <param name="KeepEvery">Keep those whose step is a multiple of this; 0 for none but the others.</param>
public sealed record RetentionPolicy(int KeepLast, long KeepEvery = 0)
{
    /// <summary>The steps to remove, ascending.</summary>
    /// <param name="steps">Steps of all checkpoints.</param>
    /// <param name="best">Step of the best one, if any was validated.</param>
    public IReadOnlyList<long> Removable(IReadOnlyCollection<long> steps, long? best)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(KeepLast, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(KeepEvery);
        return [.. steps.Order().SkipLast(KeepLast).Where(step => step != 0 && step != best && (KeepEvery == 0 || step % KeepEvery != 0))];
    }
}
