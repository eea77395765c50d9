using RnnLm.Cluster;

namespace RnnLm.Simulation;

/// <summary>Where workers apply to a simulated coordinator; does what <see cref="FrontActor"/> does with Akka.
/// </summary>
internal sealed class SimulatedFront : SimulatedActor
{
    private readonly SimulatedCoordinator _coordinator;
    private readonly PlainHost _host;
    private readonly Dictionary<string, SimulatedLink> _links = new(StringComparer.Ordinal);
    private SimulatedActor? _sender;

    public SimulatedFront(SimulatedCoordinator coordinator)
        : base(coordinator.World, coordinator.Process, new ActorId("front"))
    {
        _coordinator = coordinator;
        Path = $"akka.tcp://rnnlm@{Process.Name}:1/user/front";
        var job = World.Scenario.Job;
        var facts = new RunFacts(
            SimulatedRegistry.Job,
            Run: "run",
            job.Hash,
            coordinator.Incarnation,
            "cpu",
            AllowMixed: false,
            new RunExtent(job.Model, job.Shards),
            Process.Bulk.Address,
            Host: string.Empty);
        Host = _host = new PlainHost(this, new FrontBehaviour(facts), (_, effect) => CarryOut(effect));
        _host.Tell(new Started());
    }

    /// <summary>Where it is reached.</summary>
    public string Path { get; }

    public override SimulatedActor? AddressOf(ActorId to) => null;

    /// <summary>Its coordinator has ended.</summary>
    public void End() => _host.Tell(new Terminated(ActorId.Coordinator, null));

    protected override void OnMessage(Message message, SimulatedActor? sender) => _sender = sender;

    protected override void OnStopped(Exception? failure)
    {
        foreach (var link in _links.Values.Where(link => !link.IsStopped))
        {
            link.Stop(null);
        }
    }

    private void CarryOut(Effect effect)
    {
        switch (effect)
        {
            case ToRegistry { Body: var body }:
                World.SendToRegistry(this, body);
                break;
            case Answer { Body: var body }:
                Send(_sender!, new FromPeer(body));
                break;
            case OpenLink { Application: var application, Engagement: var engagement }:
                Open(application).Send(_sender!, new FromPeer(engagement));
                break;
            default:
                throw new InvalidOperationException($"a front has no effect {effect.GetType().Name}");
        }
    }

    private SimulatedLink Open(Wire.Apply application)
    {
        if (_links.Remove(application.Worker, out var old) && !old.IsStopped)
        {
            old.Stop(null);
        }

        var worker = new ActorId(application.Worker);
        var job = World.Scenario.Job;
        var behaviour = new WorkerLinkBehaviour(worker, new RunExtent(job.Model, job.Shards), _coordinator.Incarnation);
        var link = new SimulatedLink(_coordinator, worker, behaviour);
        link.Expect(_sender!);
        return _links[application.Worker] = link;
    }
}
