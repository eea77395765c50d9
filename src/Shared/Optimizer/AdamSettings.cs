namespace RnnLm.Shared;

/// <summary>Adam's hyper-parameters; the defaults are PyTorch's.</summary>
/// <param name="LearningRate">Step size α.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Epsilon">Added to the denominator.</param>
public sealed record AdamSettings(
    double LearningRate = 1e-3, double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8);
