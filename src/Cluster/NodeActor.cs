using Akka.Actor;

namespace RnnLm.Cluster;

/// <summary>The actor of a node (<see cref="NodeBehaviour"/>).</summary>
/// <param name="self">Its name.</param>
/// <param name="behaviour">What decides.</param>
/// <param name="work">Adds.</param>
/// <param name="link">To the coordinator.</param>
internal sealed class NodeActor(ActorId self, NodeBehaviour behaviour, IWorkQueue work, IActorRef link)
    : BehaviourActor(self, behaviour, work, link)
{
    /// <inheritdoc/>
    protected override void CarryOut(Effect effect, Action<Message> answer) =>
        throw new InvalidOperationException($"a node has no effect {effect.GetType().Name}");
}
