using RnnLm.Coordinator;

namespace RnnLm.Engines;

/// <summary>Carries out a coordinator's checkpoints and reports.</summary>
/// <param name="writer">Writes a snapshot; runs off the actor.</param>
/// <param name="observer">Watches the run; called in order, on the actor.</param>
public sealed class CoordinatorEffects(ICheckpointWriter writer, IRunObserver observer) : IEffectHandler
{
    /// <inheritdoc/>
    public void Carry(Effect effect, Action<Message> answer, Action<Exception?> fail)
    {
        switch (effect)
        {
            case Report report: observer.Observe(report.Event); break;
            case Illustrate illustrate: observer.Illustrate(illustrate.Version); break;
            case SaveCheckpoint save: _ = Task.Run(() => answer(Write(save))); break;
            default: throw new InvalidOperationException($"The coordinator has no effect {effect.GetType().Name}.");
        }
    }

    private CheckpointWritten Write(SaveCheckpoint save)
    {
        try
        {
            writer.Write(save);
            return new CheckpointWritten(save.State.Version, null);
        }
#pragma warning disable CA1031 // A checkpoint that cannot be written is the coordinator's to judge, whatever the reason.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            return new CheckpointWritten(save.State.Version, failure);
        }
        finally
        {
            save.State.Release();
        }
    }
}
