using Akka.Actor;

namespace RnnLm.Cluster;

/// <summary>Where workers apply to a coordinator (<see cref="FrontBehaviour"/>); the links to them are its children.
/// </summary>
/// <param name="facts">Of the run.</param>
/// <param name="coordinator">Whom they work for; the front ends with it.</param>
/// <param name="transfers">The bulk plane of this process.</param>
/// <param name="work">Hashes and copies.</param>
/// <param name="registry">Is told, every few seconds, that workers are wanted here.</param>
/// <param name="say">Takes what is said to whoever watches this process.</param>
internal sealed class FrontActor(
    RunFacts facts,
    IActorRef coordinator,
    BulkTransfers transfers,
    IWorkQueue work,
    IActorRef registry,
    Action<string> say)
    : BehaviourActor(new ActorId("front"), new FrontBehaviour(facts), work, watcher: null)
{
    private readonly IWorkQueue _work = work;
    private readonly Dictionary<string, IActorRef> _links = new(StringComparer.Ordinal);
    private int _applications;

    /// <inheritdoc/>
    protected override SupervisorStrategy SupervisorStrategy() => new StoppingSupervisorStrategy().Create();

    /// <inheritdoc/>
    protected override void PreStart()
    {
        Context.Watch(coordinator);
        base.PreStart();
    }

    /// <summary>Without it the run would wait for workers that cannot come, so the run ends with its failure.</summary>
    protected override void PostStop()
    {
        if (Failure is { } cause)
        {
            coordinator.Tell(new Failed(cause));
        }
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Wire.Apply apply:
                Take(new FromPeer(apply));
                break;
            case Akka.Actor.Terminated { ActorRef: var gone } when gone.Equals(coordinator):
                Take(new Shared.Terminated(ActorId.Coordinator, null));
                break;
            case Akka.Actor.Terminated { ActorRef: var gone }:
                foreach (var (worker, _) in _links.Where(entry => entry.Value.Equals(gone)).ToArray())
                {
                    _links.Remove(worker);
                }

                break;
            case LinkLost:
                break;
            default:
                base.OnReceive(message);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void CarryOut(Effect effect, Action<Message> answer)
    {
        switch (effect)
        {
            case ToRegistry { Body: var body }:
                registry.Tell(body);
                break;
            case Answer { Body: var body }:
                Sender.Tell(body);
                break;
            case OpenLink { Application: var application, Engagement: var engagement }:
                Sender.Tell(engagement, Open(application));
                break;
            default:
                throw new InvalidOperationException($"a front has no effect {effect.GetType().Name}");
        }
    }

    private IActorRef Open(Wire.Apply application)
    {
        if (_links.Remove(application.Worker, out var old))
        {
            // The process has been started anew, or has lost its connection.
            Context.Stop(old);
        }

        var worker = new ActorId(application.Worker);
        var peer = new Peer(null, Sender, application.Bulk, application.Host);
        var behaviour = new WorkerLinkBehaviour(worker, facts.Extent, facts.Incarnation);
        return _links[application.Worker] = Context.Watch(Context.ActorOf(
            Props.Create(() => new LinkActor(worker, behaviour, transfers, facts.Extent, _work, coordinator, peer, say))
                .WithMailbox("bounded-mailbox"),
            $"link-{++_applications}"));
    }
}
