using System.Text.Json.Serialization;

namespace RnnLm.Shared;

/// <summary>Which formula makes an update of a mean gradient.</summary>
public enum OptimizerKind
{
    /// <summary>Adam (Kingma, Ba, ICLR 2015); weight decay is added to the gradient.</summary>
    Adam,

    /// <summary>Adam with decoupled weight decay (Loshchilov, Hutter, ICLR 2019).</summary>
    Adamw,

    /// <summary>Stochastic gradient descent, with momentum where that is not 0; weight decay is added to the gradient.
    /// </summary>
    Sgd,
}

/// <summary>How a gradient becomes an update; part of the job.</summary>
/// <param name="LearningRate">Step size (the schedule's peak).</param>
/// <param name="Beta1">Adam's decay of the first moment; not used by <see cref="OptimizerKind.Sgd"/>.</param>
/// <param name="Beta2">Adam's decay of the second moment; likewise.</param>
/// <param name="Epsilon">Added to the root of the second moment; likewise.</param>
/// <param name="ClipNorm">Largest L2 norm of the mean gradient; 0 for no clipping.</param>
/// <param name="Schedule">How the learning rate moves.</param>
/// <param name="Kind">The formula.</param>
/// <param name="WeightDecay">By how much parameters shrink, as the formula takes it; 0 for not.</param>
/// <param name="Momentum">Share of the last update in the next; of <see cref="OptimizerKind.Sgd"/> only.</param>
public sealed record OptimizerSettings(
    double LearningRate,
    double Beta1,
    double Beta2,
    double Epsilon,
    double ClipNorm,
    LearningRateSchedule Schedule,
    OptimizerKind Kind = OptimizerKind.Adam,
    double WeightDecay = 0,
    double Momentum = 0)
{
    /// <summary>What the optimizer keeps of each parameter from one update to the next, by its name in
    /// <c>optimizer.safetensors</c>.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> Moments =>
        Kind != OptimizerKind.Sgd ? ["first_moment", "second_moment"]
        : Momentum != 0 ? ["momentum"]
        : [];
}
