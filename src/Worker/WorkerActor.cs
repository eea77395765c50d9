using Akka.Actor;

namespace RnnLm.Worker;

/// <summary>The actor of one worker: its computations go to its device, whose threads are its own.</summary>
/// <param name="self">Its name.</param>
/// <param name="device">What computes; not owned.</param>
/// <param name="coordinator">Who is told when it stops, and why.</param>
public sealed class WorkerActor(ActorId self, IDevice device, IActorRef coordinator)
    : BehaviourActor(self, new WorkerBehaviour(self, device.Threads), work: null, coordinator)
{
    /// <inheritdoc/>
    protected override void CarryOut(Effect effect, Action<Message> answer) =>
        device.Submit((DeviceWork)effect, answer);
}
