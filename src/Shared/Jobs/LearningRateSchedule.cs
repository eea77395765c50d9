namespace RnnLm.Shared;

/// <summary>What the learning rate does after the warm-up.</summary>
public enum ScheduleKind
{
    /// <summary>Stays.</summary>
    Constant,

    /// <summary>Falls along half a cosine to a tenth of its peak at
    /// <see cref="LearningRateSchedule.TotalSteps"/>.</summary>
    Cosine,
}

/// <summary>The learning rate as a pure function of the step; part of the job.</summary>
/// <param name="Kind">What happens after the warm-up.</param>
/// <param name="WarmupSteps">Steps in which it grows linearly from 0 to its peak.</param>
/// <param name="TotalSteps">Step at which a cosine reaches its floor; not used by a constant schedule.</param>
public sealed record LearningRateSchedule(ScheduleKind Kind, long WarmupSteps, long TotalSteps)
{
    private const double CosineFloor = 0.1;

    /// <summary>The factor on the peak learning rate at <paramref name="step"/> (from 0).</summary>
    public double Factor(long step)
    {
        if (step < WarmupSteps)
        {
            return (step + 1) / (double)WarmupSteps;
        }

        if (Kind == ScheduleKind.Constant)
        {
            return 1;
        }

        double progress = Math.Clamp((step - WarmupSteps) / (double)Math.Max(1, TotalSteps - WarmupSteps), 0, 1);
        return CosineFloor + ((1 - CosineFloor) * 0.5 * (1 + Math.Cos(Math.PI * progress)));
    }
}
