using RnnLm.Worker;

namespace RnnLm.Simulation;

/// <summary>A worker, and what its host does to find the run's coordinator.</summary>
internal sealed class SimulatedWorker : SimulatedActor
{
    /// <summary>How often a worker looks whether its coordinator still is the run's.</summary>
    private static readonly TimeSpan Check = TimeSpan.FromSeconds(5);

    /// <summary>A worker that waits so long for a first word, or is no member any more, says again that it is there.
    /// </summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(40);

    private Join? _join;
    private SimulatedCoordinator? _joined;
    private TimeSpan _heard;
    private long _newest;
    private bool _isWelcome;

    public SimulatedWorker(World world, SimulatedProcess process, ActorId id)
        : base(world, process, id) => Device = new SimulatedDevice(this);

    public SimulatedDevice Device { get; }

    /// <summary>Who leads the run, as far as this worker has been told.</summary>
    public SimulatedCoordinator? Coordinator { get; set; }

    public void Start()
    {
        Host = World.Hosting.Start(this, Device);
        if (!World.Scenario.IsOneProcess)
        {
            Process.PostByOwnClock(Check, LookAround);
        }
    }

    public override SimulatedActor? AddressOf(ActorId to) => Coordinator;

    /// <summary>Once its device is idle a worker that was dismissed holds nothing.</summary>
    public void CheckReleased()
    {
        if (IsStopped && !Device.IsComputing && !World.Scenario.IsOneProcess)
        {
            World.Checks.Released(Process, isCoordinator: false);
        }
    }

    protected override void OnMessage(Message message, SimulatedActor? sender)
    {
        _heard = sender is null ? _heard : World.Time.Now;
        _isWelcome |= sender is not null && sender == _joined;
        if (message is SelfTestDone test)
        {
            (_joined, _heard, _isWelcome) = (Coordinator, World.Time.Now, false);
            _join = new Join(Id, Device.Threads, test.Hash);
        }

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
        Device.Dispose();
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
        bool isForgotten = !isMember && World.Time.Now - _heard > Quiet && !Device.IsComputing;
        if (_join is not null && Coordinator is { } now && (now != _joined || isForgotten))
        {
            (_joined, _heard, _isWelcome) = (now, World.Time.Now, false);
            World.Count("joins again");
            Send(now, _join);
        }

        Process.PostByOwnClock(Check, LookAround);
    }
}
