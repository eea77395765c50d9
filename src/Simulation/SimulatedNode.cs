using RnnLm.Cluster;

namespace RnnLm.Simulation;

/// <summary>A process that computes: a node with a worker a device, and what its host does to find the run's
/// coordinator.</summary>
internal sealed class SimulatedNode : SimulatedActor
{
    private const double OneDevice = 0.5;

    /// <summary>How often a node looks whether its coordinator still is the run's.</summary>
    private static readonly TimeSpan Check = TimeSpan.FromSeconds(5);

    /// <summary>A node that waits so long for a first word, or is no member any more, says again that it is there.
    /// </summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(40);

    /// <summary>What a word between actors of one process takes.</summary>
    private static readonly TimeSpan Local = TimeSpan.FromMicroseconds(5);

    private Join? _join;
    private SimulatedCoordinator? _joined;
    private TimeSpan _heard;
    private long _newest;
    private bool _isWelcome;

    public SimulatedNode(World world, SimulatedProcess process, ActorId id)
        : base(world, process, id)
    {
        int devices = world.Dice.Chance(OneDevice) ? 1 : world.Dice.Between(2, 3);
        bool isForeign = world.MayFail(Faults.Foreign) && world.Dice.Chance(0.2);
        Workers =
        [
            .. Enumerable.Range(0, devices).Select(
                device => new SimulatedWorker(world, this, new ActorId($"{id}.{device}"), isForeign)),
        ];
    }

    public IReadOnlyList<SimulatedWorker> Workers { get; }

    /// <summary>Who leads the run, as far as this node has been told.</summary>
    public SimulatedCoordinator? Coordinator { get; set; }

    /// <summary>Whether a device of it has anything in hand.</summary>
    public bool IsComputing => Workers.Any(worker => worker.Device.IsComputing);

    public void Start()
    {
        Host = World.Hosting.Start(this, new NodeBehaviour(Id, [.. Workers.Select(worker => worker.Id)]));
        foreach (var worker in Workers)
        {
            worker.Start();
        }

        Process.PostByOwnClock(Check, LookAround);
    }

    public override SimulatedActor? AddressOf(ActorId to) =>
        to == ActorId.Coordinator ? Coordinator : Workers.FirstOrDefault(worker => worker.Id == to && worker.Lives);

    /// <summary>That it is ready is said again to whoever leads the run later.</summary>
    public override SimulatedActor? Route(ActorId to, Message message)
    {
        if (message is Join join)
        {
            (_join, _joined, _heard, _isWelcome) = (join, Coordinator, World.Time.Now, false);
        }

        return AddressOf(to);
    }

    /// <summary>A worker of it has stopped.</summary>
    public void Lose(SimulatedWorker worker) => Process.Post(Local, () =>
    {
        if (!IsStopped)
        {
            Observe(new Terminated(worker.Id, worker.Failure));
            Host!.TellGone(worker);
        }
    });

    /// <summary>Once its devices are idle a node that was dismissed holds nothing.</summary>
    public void CheckReleased()
    {
        if (IsStopped && !IsComputing && !Process.IsBusy)
        {
            World.Checks.Released(Process, isCoordinator: false);
        }
    }

    protected override void OnMessage(Message message, SimulatedActor? sender)
    {
        bool isFromOutside = sender is not null && sender.Process != Process;
        _heard = isFromOutside ? World.Time.Now : _heard;
        _isWelcome |= isFromOutside && sender == _joined;
        long incarnation = message switch
        {
            Publish publish => publish.Incarnation,
            Assign assign => assign.Incarnation,
            Evaluate evaluate => evaluate.Incarnation,
            Dismiss dismiss => dismiss.Incarnation,
            _ => _newest,
        };
        if (incarnation < _newest)
        {
            World.Count($"{message.GetType().Name} of an older coordinator");
        }

        _newest = Math.Max(_newest, incarnation);
    }

    protected override void OnStopped(Exception? failure)
    {
        World.OnGone(actor => actor == this);
        CheckReleased();
    }

    private void LookAround()
    {
        if (IsStopped)
        {
            return;
        }

        bool isMember = _isWelcome && Coordinator?.AddressOf(Id) == this && World.Checks.IsMember(Coordinator, Id);
        bool isForgotten = !isMember && World.Time.Now - _heard > Quiet && !IsComputing;
        if (_join is not null && Coordinator is not null && (Coordinator != _joined || isForgotten))
        {
            World.Count("joins again");
            Send(Route(ActorId.Coordinator, _join)!, _join);
        }

        Process.PostByOwnClock(Check, LookAround);
    }
}
