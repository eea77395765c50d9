namespace RnnLm.Shared;

/// <summary>What the learning rate does after the warm-up.</summary>
public enum ScheduleKind
{
    /// <summary>Stays.</summary>
    Constant,

    /// <summary>Falls along half a cosine to a tenth of its peak at
    /// <see cref="LearningRateSchedule.TotalSteps"/>.</summary>
    Cosine,

    /// <summary>Stays for some epochs, then falls by one factor with each further one (Zaremba, Sutskever, Vinyals,
    /// 2014).</summary>
    EpochDecay,

    /// <summary>Falls by a factor with each evaluation that does not improve on the best (Mikolov's RNNLM toolkit,
    /// 2011).</summary>
    Plateau,
}

/// <summary>The learning rate as a pure function of the step, and for a plateau of the evaluations before it; part of
/// the job.</summary>
/// <param name="Kind">What happens after the warm-up.</param>
/// <param name="WarmupSteps">Steps in which it grows linearly from 0 to its peak.</param>
/// <param name="TotalSteps">Step at which a cosine reaches its floor; 0 for other kinds.</param>
/// <param name="Decay">The factor of an epoch decay or a plateau.</param>
/// <param name="DecayAfter">Epochs without decay; of an epoch decay.</param>
/// <param name="StepsPerEpoch">Of the plan, for an epoch decay; 0 for other kinds.</param>
/// <param name="EvaluateEvery">Steps between the evaluations that a plateau goes by; 0 for other kinds.</param>
/// <param name="ValidationHash">SHA-256 over the contents of the files of the text that a plateau is evaluated on; null
/// for other kinds, and where a part of the corpus is held out.</param>
public sealed record LearningRateSchedule(
    ScheduleKind Kind,
    long WarmupSteps,
    long TotalSteps,
    double Decay = 1,
    long DecayAfter = 1,
    long StepsPerEpoch = 0,
    long EvaluateEvery = 0,
    string? ValidationHash = null)
{
    private const double CosineFloor = 0.1;

    /// <summary>The factor on the peak learning rate at <paramref name="step"/> (from 0).</summary>
    /// <param name="step">The step.</param>
    /// <param name="plateau">What the evaluations before it came to; null before the first, and for other kinds.
    /// </param>
    public double Factor(long step, PlateauState? plateau = null) =>
        (step < WarmupSteps ? (step + 1) / (double)WarmupSteps : AfterWarmUp(step)) * (plateau?.Factor ?? 1);

    /// <summary>What an evaluation makes of a plateau's state; nothing for other kinds. A loss that is not finite
    /// decides nothing: such a version is evaluated again by whoever goes on from it.</summary>
    /// <param name="before">Null before the first evaluation.</param>
    /// <param name="loss">Mean loss on the validation text.</param>
    public PlateauState? Evaluated(PlateauState? before, double loss) =>
        Kind != ScheduleKind.Plateau || !double.IsFinite(loss) ? before
        : before is null ? new PlateauState(loss, 1)
        : loss < before.BestLoss ? before with { BestLoss = loss }
        : before with { Factor = before.Factor * Decay };

    private double AfterWarmUp(long step)
    {
        switch (Kind)
        {
            case ScheduleKind.Cosine:
                double progress = (step - WarmupSteps) / (double)Math.Max(1, TotalSteps - WarmupSteps);
                return CosineFloor + ((1 - CosineFloor) * 0.5 * (1 + Math.Cos(Math.PI * Math.Clamp(progress, 0, 1))));
            case ScheduleKind.EpochDecay:
                return Math.Pow(Decay, Math.Max(0, (step / Math.Max(1, StepsPerEpoch)) + 1 - DecayAfter));
            default:
                return 1;
        }
    }
}

/// <summary>What the evaluations of a run with a plateau schedule have come to; part of the training state.</summary>
/// <param name="BestLoss">The lowest loss so far.</param>
/// <param name="Factor">On the learning rate.</param>
public sealed record PlateauState(double BestLoss, double Factor);
