namespace RnnLm.Shared;

/// <summary>How a gradient becomes an update; part of the job.</summary>
/// <param name="LearningRate">Adam's step size (the schedule's peak).</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Epsilon">Added to the root of the second moment.</param>
/// <param name="ClipNorm">Largest L2 norm of the mean gradient; 0 for no clipping.</param>
/// <param name="Schedule">How the learning rate moves.</param>
public sealed record OptimizerSettings(
    double LearningRate, double Beta1, double Beta2, double Epsilon, double ClipNorm, LearningRateSchedule Schedule);
