namespace RnnLm.Simulation;

/// <summary>A worker with its device: of the coordinator's process, or of a node.</summary>
internal sealed class SimulatedWorker : SimulatedActor
{
    private readonly SimulatedActor _above;

    /// <param name="world">Where it lives.</param>
    /// <param name="above">Whom it works for: a coordinator or a node of its process.</param>
    /// <param name="id">Its name.</param>
    /// <param name="isForeign">Whether its device rounds differently from the run's.</param>
    public SimulatedWorker(World world, SimulatedActor above, ActorId id, bool isForeign)
        : base(world, above.Process, id)
    {
        _above = above;
        Device = new SimulatedDevice(this, isForeign);
    }

    public SimulatedDevice Device { get; }

    /// <summary>Its name to the coordinator.</summary>
    public ActorId MemberId => _above is SimulatedNode ? _above.Id : Id;

    public void Start() => Host = World.Hosting.Start(this, Device);

    public override SimulatedActor? AddressOf(ActorId to) => _above;

    /// <summary>Its device has come to rest.</summary>
    public void CheckReleased() => (_above as SimulatedNode)?.Keeper!.CheckReleased();

    protected override void OnMessage(Message message, SimulatedActor? sender)
    {
    }

    protected override void OnStopped(Exception? failure)
    {
        Device.Dispose();
        if (_above is SimulatedNode node)
        {
            node.Lose(this);
        }
        else
        {
            World.OnGone(actor => actor == this);
        }
    }
}
