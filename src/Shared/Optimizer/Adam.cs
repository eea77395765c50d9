using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Shared;

/// <summary><c>torch.optim.Adam</c> (Kingma, Ba, ICLR 2015) and <c>torch.optim.AdamW</c> (Loshchilov, Hutter, ICLR
/// 2019), which shrinks the parameters itself where Adam adds the decay to the gradient.</summary>
internal readonly struct Adam : IUpdateFormula
{
    private readonly float _weightDecay;
    private readonly float _shrinkage;
    private readonly float _beta1;
    private readonly float _oneMinusBeta1;
    private readonly float _beta2;
    private readonly float _oneMinusBeta2;
    private readonly float _secondCorrectionRoot;
    private readonly float _epsilon;
    private readonly float _minusStepSize;

    /// <summary>The formula of update number <paramref name="number"/>, from 1.</summary>
    public Adam(OptimizerSettings settings, double learningRate, long number)
    {
        bool isDecoupled = settings.Kind == OptimizerKind.Adamw;
        _weightDecay = isDecoupled ? 0 : (float)settings.WeightDecay;
        _shrinkage = isDecoupled ? (float)(1 - (learningRate * settings.WeightDecay)) : 1;
        _beta1 = (float)settings.Beta1;
        _oneMinusBeta1 = (float)(1 - settings.Beta1);
        _beta2 = (float)settings.Beta2;
        _oneMinusBeta2 = (float)(1 - settings.Beta2);
        _secondCorrectionRoot = (float)Math.Sqrt(1 - Math.Pow(settings.Beta2, number));
        _epsilon = (float)settings.Epsilon;
        _minusStepSize = (float)-(learningRate / (1 - Math.Pow(settings.Beta1, number)));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply(
        Vector512<float> gradient,
        ref Vector512<float> parameter,
        ref Vector512<float> first,
        ref Vector512<float> second)
    {
        // To add a decay of zero would make +0 of a gradient of -0.
        if (_weightDecay != 0)
        {
            gradient += parameter * Vector512.Create(_weightDecay);
        }

        parameter *= Vector512.Create(_shrinkage);
        first = (first * Vector512.Create(_beta1)) + (gradient * Vector512.Create(_oneMinusBeta1));
        second = (second * Vector512.Create(_beta2)) + (gradient * Vector512.Create(_oneMinusBeta2) * gradient);
        Vector512<float> root = Vector512.Sqrt(second) / Vector512.Create(_secondCorrectionRoot);
        parameter += first * Vector512.Create(_minusStepSize) / (root + Vector512.Create(_epsilon));
    }
}
