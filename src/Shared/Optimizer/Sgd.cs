using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Shared;

/// <summary><c>torch.optim.SGD</c> without dampening and Nesterov's look ahead: the momentum is a decayed sum of
/// gradients, and the learning rate multiplies it when it is applied.</summary>
internal readonly struct Sgd(OptimizerSettings settings, double learningRate) : IUpdateFormula
{
    private readonly float _weightDecay = (float)settings.WeightDecay;
    private readonly float _momentum = (float)settings.Momentum;
    private readonly float _minusRate = (float)-learningRate;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply(
        Vector512<float> gradient,
        ref Vector512<float> parameter,
        ref Vector512<float> first,
        ref Vector512<float> second)
    {
        if (_weightDecay != 0)
        {
            gradient += parameter * Vector512.Create(_weightDecay);
        }

        if (_momentum != 0)
        {
            gradient = first = (first * Vector512.Create(_momentum)) + gradient;
        }

        parameter += gradient * Vector512.Create(_minusRate);
    }
}
