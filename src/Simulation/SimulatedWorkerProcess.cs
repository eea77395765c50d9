using RnnLm.Cluster;

namespace RnnLm.Simulation;

/// <summary>
/// A process that computes: it finds work, and holds link, node and workers while it has some; does what
/// <see cref="WorkerHostActor"/> does with Akka.
/// </summary>
internal sealed class SimulatedWorkerProcess : SimulatedActor
{
    private const double OneDevice = 0.5;

    /// <summary>Somebody looks after a machine that is refused.</summary>
    private static readonly TimeSpan s_least = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_most = TimeSpan.FromMinutes(5);

    private readonly int _devices;
    private readonly bool _isForeign;
    private readonly List<SimulatedWorker> _left = [];
    private readonly PlainHost _host;
    private SimulatedActor? _sender;
    private SimulatedActor? _coordinator;

    /// <summary>Where it has applied last.</summary>
    private SimulatedActor? _front;
    private SimulatedLink? _link;

    public SimulatedWorkerProcess(World world, SimulatedProcess process, ActorId id)
        : base(world, process, id)
    {
        _devices = world.Dice.Chance(OneDevice) ? 1 : world.Dice.Between(2, 3);
        _isForeign = world.MayFail(Faults.Foreign) && world.Dice.Chance(0.2);
        _host = new PlainHost(this, new EmploymentBehaviour(id.Name, "cpu"), (_, effect) => CarryOut(effect));
        Host = _host;
    }

    /// <summary>Holds its devices while it has work.</summary>
    public SimulatedNode? Node { get; private set; }

    public void Start() => _host.Tell(new Started());

    public override SimulatedActor? AddressOf(ActorId to) => null;

    public override void Deliver(Message message, SimulatedActor? sender)
    {
        switch (message)
        {
            case FromPeer { Body: Wire.Engage } when sender!.Process != _front?.Process:
                Send(sender, new FromPeer(new Wire.Farewell { Cause = "it works elsewhere" }));
                break;
            case FromPeer { Body: Wire.Refuse { ByRegistry: false } } when sender != _front:
                break;
            case FromPeer { Body: Wire.Farewell }:
                OnLost(sender);
                break;
            default:
                base.Deliver(message, sender);
                break;
        }
    }

    /// <summary>The other end of its link is gone, or is said to be.</summary>
    public void OnLost(SimulatedActor? peer) => Process.Post(Local, () =>
    {
        if (peer == _coordinator)
        {
            Tell(new CoordinatorLost());
        }
    });

    /// <summary>A link has ended with its work.</summary>
    public void OnEnded(SimulatedLink link, Exception? failure) => Process.Post(Local, () =>
    {
        if (link == _link)
        {
            _link = null;
            Tell(new WorkEnded(failure));
            CheckReleased();
            if (_isForeign)
            {
                Process.Post(World.Dice.Between(s_least, s_most), () => Process.Die("is replaced by another machine"));
            }
        }
    });

    /// <summary>Without work, and once its devices are idle, it holds nothing.</summary>
    public void CheckReleased()
    {
        if (_link is null && !Process.IsBusy && !_left.Exists(worker => worker.Device.IsComputing))
        {
            World.Checks.Released(Process, isCoordinator: false);
        }
    }

    protected override void OnMessage(Message message, SimulatedActor? sender) => _sender = sender;

    protected override void OnStopped(Exception? failure) => Process.Post(Local, () => Process.Die("has ended"));

    private void Tell(Message message)
    {
        Observe(message);
        _host.Tell(message);
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
            case ApplyTo { Coordinator: var path } when World.FrontAt(path) is { } front:
                _front = front;
                Send(front, new FromPeer(new Wire.Apply
                {
                    Version = ProtocolVersion.Current,
                    Worker = Id.Name,
                    Numerics = "cpu",
                    Bulk = Process.Bulk.Address,
                }));
                break;
            case Work { Engagement: var engagement }:
                Begin(engagement);
                break;
            case EndWork:
                _left.AddRange(Node?.Workers ?? []);
                Node = null;
                break;
            case Say { Text: var text }:
                World.Note(Id.Name, text);
                break;
            default:
                throw new InvalidOperationException($"a worker process has no effect {effect.GetType().Name}");
        }
    }

    private void Begin(Wire.Engage engagement)
    {
        if (_link is null)
        {
            Node = new SimulatedNode(World, Process, Id, _devices, _isForeign);
            var behaviour = new CoordinatorLinkBehaviour(
                Id, new RunExtent(World.Scenario.Job.Model, engagement.Shards));
            Node.Link = _link = new SimulatedLink(Node, Id, behaviour, this);
            Node.Keeper = this;
            Node.Start();
        }

        _coordinator = _sender!;
        _link.Engage(_coordinator, engagement.Incarnation);
    }
}
