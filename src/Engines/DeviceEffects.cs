using RnnLm.Worker;

namespace RnnLm.Engines;

/// <summary>Carries out a worker's computations on its device.</summary>
public sealed class DeviceEffects(IDevice device) : IEffectHandler
{
    /// <inheritdoc/>
    public void Carry(Effect effect, Action<Message> answer, Action<Exception?> fail)
    {
        switch (effect)
        {
            case RunSelfTest test: device.Submit(test, answer, fail); break;
            case ComputeRange range: device.Submit(range, answer, fail); break;
            case ComputeLoss loss: device.Submit(loss, answer, fail); break;
            default: throw new InvalidOperationException($"A worker has no effect {effect.GetType().Name}.");
        }
    }
}
