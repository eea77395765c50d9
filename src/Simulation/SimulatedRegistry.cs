using RnnLm.Cluster;

namespace RnnLm.Simulation;

/// <summary>The registry, in a process of its own; does what <see cref="RegistryActor"/> does with Akka.</summary>
internal sealed class SimulatedRegistry : SimulatedActor
{
    /// <summary>The one job.</summary>
    public const string Job = "job";

    private SimulatedActor? _sender;

    public SimulatedRegistry(World world, SimulatedProcess process)
        : base(world, process, new ActorId("registry"))
    {
        var host = new PlainHost(this, new RegistryBehaviour(startsJobs: true), CarryOut);
        Host = host;
        host.Tell(new Started());
    }

    public override SimulatedActor? AddressOf(ActorId to) => null;

    public override void Deliver(Message message, SimulatedActor? sender) => base.Deliver(
        message is FromPeer { Body: Wire.Hire hire } ? new HiredFrom(((SimulatedFront)sender!).Path, hire) : message,
        sender);

    protected override void OnMessage(Message message, SimulatedActor? sender) => _sender = sender;

    protected override void OnStopped(Exception? failure)
    {
    }

    private void CarryOut(PlainHost host, Effect effect)
    {
        switch (effect)
        {
            case Answer { Body: var body }:
                Send(_sender!, new FromPeer(body));
                break;
            case ListJobs:
                host.Run(() => new JobsListed(World.IsDone ? [] : [Job]), mayBlock: false);
                break;
            case StartJob:
                World.StartJob();
                break;
            default:
                throw new InvalidOperationException($"a registry has no effect {effect.GetType().Name}");
        }
    }
}
