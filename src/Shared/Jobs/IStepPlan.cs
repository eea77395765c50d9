namespace RnnLm.Shared;

/// <summary>The pure function (job, step) → the examples of that step, already cut into the job's S shards.</summary>
public interface IStepPlan
{
    /// <summary>The S shards of step <paramref name="step"/>, some of which may be empty. Safe to call from any
    /// thread.</summary>
    IReadOnlyList<ShardTokens> Step(long step);

    /// <summary>Steps of one epoch; the last may have a smaller batch.</summary>
    long StepsPerEpoch { get; }
}
