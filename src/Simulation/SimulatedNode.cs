using RnnLm.Cluster;

namespace RnnLm.Simulation;

/// <summary>The node of a worker process, with a worker a device.</summary>
internal sealed class SimulatedNode : SimulatedActor
{
    private long _newest;

    public SimulatedNode(World world, SimulatedProcess process, ActorId id, int devices, bool isForeign)
        : base(world, process, id)
    {
        Workers =
        [
            .. Enumerable.Range(0, devices).Select(
                device => new SimulatedWorker(world, this, new ActorId($"{id}.{device}"), isForeign)),
        ];
    }

    public IReadOnlyList<SimulatedWorker> Workers { get; }

    /// <summary>To its coordinator.</summary>
    public SimulatedLink? Link { get; set; }

    /// <summary>The process that it is part of.</summary>
    public SimulatedWorkerProcess? Keeper { get; set; }

    public void Start()
    {
        Host = World.Hosting.Start(this, new NodeBehaviour(Id, [.. Workers.Select(worker => worker.Id)]));
        foreach (var worker in Workers)
        {
            worker.Start();
        }
    }

    public override SimulatedActor? AddressOf(ActorId to) =>
        to == ActorId.Coordinator ? Link : Workers.FirstOrDefault(worker => worker.Id == to && worker.Lives);

    /// <summary>A worker of it has stopped.</summary>
    public void Lose(SimulatedWorker worker) => Process.Post(Local, () =>
    {
        if (!IsStopped)
        {
            Observe(new Terminated(worker.Id, worker.Failure));
            Host!.TellGone(worker);
        }
    });

    protected override void OnMessage(Message message, SimulatedActor? sender)
    {
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

    protected override void OnStopped(Exception? failure) => Link!.LoseInner();
}
