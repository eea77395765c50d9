using Akka.Actor;
using Google.Protobuf;
using RnnLm.Worker;

namespace RnnLm.Cluster;

/// <summary>
/// A worker process: finds work (<see cref="EmploymentBehaviour"/>), and holds what works for the run:
/// with its devices: link to the coordinator ↔ node ↔ a worker a device.
/// </summary>
/// <param name="name">The worker's name.</param>
/// <param name="numerics">What it computes with: <c>cpu</c> or <c>cuda</c>.</param>
/// <param name="makeDevices">Makes what computes, for a model; owned.</param>
/// <param name="bulk">The bulk plane of this process; not owned.</param>
/// <param name="registries">Where it registers: any of the seed nodes.</param>
/// <param name="say">Takes what is said to whoever watches the process.</param>
/// <param name="longestIdle">Without work for so long it ends; null for never.</param>
/// <param name="end">Faulted with the cause when it cannot go on.</param>
#pragma warning disable CA1001 // What it owns is given back when the actor has stopped.
internal sealed class WorkerHostActor(
    string name,
    string numerics,
    Func<ModelSettings, GradientPool, IReadOnlyList<IDevice>> makeDevices,
    BulkPlane bulk,
    IReadOnlyList<ActorSelection> registries,
    Action<string> say,
    TimeSpan? longestIdle,
    TaskCompletionSource end)
    : BehaviourActor(new ActorId(name), new EmploymentBehaviour(name, numerics, longestIdle), bulk.Work, watcher: null)
#pragma warning restore CA1001
{
    private Employment? _work;
    private IActorRef? _link;

    /// <summary>What was held of other runs, until it is given back.</summary>
    private Task _givingBack = Task.CompletedTask;

    /// <summary>Who has engaged this process while that lasts.</summary>
    private (Wire.Engage Engagement, Peer Peer)? _next;

    /// <summary>Whom it has applied to: path of the front.</summary>
    private string _appliedTo = string.Empty;

    /// <summary>Who has engaged this process last: that an earlier one is lost means nothing any more.</summary>
    private IActorRef? _coordinator;
    private readonly List<IActorRef> _held = [];
    private int _actors;

    /// <inheritdoc/>
    protected override SupervisorStrategy SupervisorStrategy() => new StoppingSupervisorStrategy().Create();

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Wire.Engage when !Equals(PathOf(_appliedTo), Sender.Path.Parent):
                // It comes too late: this process has applied elsewhere since.
                Sender.Tell(new Wire.Farewell { Cause = "it works elsewhere" });
                break;
            case Wire.Refuse { ByRegistry: false } when !Equals(PathOf(_appliedTo), Sender.Path):
                // So does its refusal.
                break;
            case Wire.Farewell when Sender.Equals(_coordinator):
                _next = null;
                Take(new CoordinatorLost());
                break;
            case Wire.Farewell:
                break;
            case IMessage body:
                Take(new FromPeer(body));
                break;
            case GivenBack when _next is var (engagement, peer):
                Begin(engagement, peer);
                break;
            case GivenBack:
                break;
            case LinkLost lost when Sender.Equals(_link) && Equals(lost.Peer, _coordinator):
                Take(new CoordinatorLost());
                break;
            case Farewell farewell when Sender.Equals(_link):
                _link = null;
                Take(new WorkEnded(farewell.Cause));
                break;
            case LinkLost or Hello or Farewell:
                break;
            default:
                base.OnReceive(message);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        base.PostStop();
        GiveBack();
        if (Failure is null)
        {
            end.TrySetResult();
        }
        else
        {
            end.TrySetException(Failure);
        }
    }

    /// <inheritdoc/>
    protected override void CarryOut(Effect effect, Action<Message> answer)
    {
        switch (effect)
        {
            case ToRegistry { Body: var body }:
                foreach (var registry in registries)
                {
                    registry.Tell(body);
                }

                break;
            case Answer { Body: var body }:
                Sender.Tell(body);
                break;
            case ApplyTo { Coordinator: var coordinator }:
                _appliedTo = coordinator;
                Context.ActorSelection(coordinator).Tell(new Wire.Apply
                {
                    Version = ProtocolVersion.Current,
                    Worker = name,
                    Numerics = numerics,
                    Bulk = bulk.Server.Address,
                    Host = SharedMemory.Host,
                    Cells = { Cells.Names },
                });
                break;
            case Work { Engagement: var engagement }:
                Begin(engagement, new Peer(Sender, Sender, engagement.Bulk, engagement.Host));
                break;
            case EndWork:
                _held.Clear();
                GiveBack();
                break;
            case Say { Text: var text }:
                say(text);
                break;
            default:
                throw new InvalidOperationException($"a worker process has no effect {effect.GetType().Name}");
        }
    }

    private void Begin(Wire.Engage engagement, Peer peer)
    {
        _coordinator = peer.Actor;
        if (_link is null || _work is null || !_work.IsOf(engagement))
        {
            _held.ForEach(Context.Stop);
            _held.Clear();
            _link = null;
            GiveBack();
            if (!_givingBack.IsCompleted)
            {
                // A device has no room for two models.
                _next = (engagement, peer);
                _givingBack.PipeTo(Self, success: () => new GivenBack());
                return;
            }

            _next = null;
            _work = new Employment(engagement, makeDevices, bulk);
            var (id, work, self) = (new ActorId(name), _work, Self);
            var workers = work.Devices.Select((_, index) => new ActorId($"{name}/{index}")).ToArray();
            var link = new CoordinatorLinkBehaviour(id, work.Extent);
            _link = Hold("link", Props.Create(() => new LinkActor(
                id, link, work.Transfers, work.Extent, bulk.Work, self, peer, say)));
            var node = Hold("node", Props.Create<NodeActor>(id, new NodeBehaviour(id, workers), bulk.Work, _link));
            for (int index = 0; index < workers.Length; index++)
            {
                Hold($"worker-{index}", Props.Create<WorkerActor>(workers[index], work.Devices[index], node));
            }
        }

        _link.Tell(new Rebind(peer, engagement.Incarnation));
        say($"works for {peer.Address}");
    }

    private static ActorPath? PathOf(string front) => ActorPath.TryParse(front, out var path) ? path : null;

    private void GiveBack()
    {
        if (_work is not null)
        {
            _givingBack = Task.WhenAll(_givingBack, _work.DisposeAsync().AsTask());
            _work = null;
        }
    }

    private IActorRef Hold(string kind, Props props)
    {
        var actor = Context.ActorOf(props.WithMailbox("bounded-mailbox"), $"{kind}-{++_actors}");
        _held.Add(actor);
        return actor;
    }

    private sealed record GivenBack;
}

/// <summary>What a worker process holds of the run that it works for.</summary>
internal sealed class Employment : IAsyncDisposable
{
    private readonly (string Run, string JobHash) _identity;
    private readonly GradientPool _gradients;
    private readonly FloatBufferPool _parameters;

    /// <summary>Takes what a run needs.</summary>
    public Employment(
        Wire.Engage engagement, Func<ModelSettings, GradientPool, IReadOnlyList<IDevice>> makeDevices, BulkPlane bulk)
    {
        var model = Translation.FromWire(engagement.Model);
        var layout = ParameterLayout.For(model);
        _identity = (engagement.Run, engagement.JobHash);
        Extent = new RunExtent(model, engagement.Shards);
        _gradients = new GradientPool(layout);
        _parameters = new FloatBufferPool(layout.BufferLength);
        Devices = makeDevices(model, _gradients);
        Transfers = new BulkTransfers(bulk.Server.Offers, bulk.Client, _parameters, _gradients, layout);
    }

    /// <summary>Model and shards.</summary>
    public RunExtent Extent { get; }

    /// <summary>What computes.</summary>
    public IReadOnlyList<IDevice> Devices { get; }

    /// <summary>The bulk plane with the run's buffers.</summary>
    public BulkTransfers Transfers { get; }

    /// <summary>Whether it is of the run that somebody engages for.</summary>
    public bool IsOf(Wire.Engage engagement) => _identity == (engagement.Run, engagement.JobHash);

    /// <summary>Gives everything back once the device has ended, which can take as long as its work in hand.</summary>
    public async ValueTask DisposeAsync() => await Task.Run(async () =>
    {
        Parallel.ForEach(Devices, device => device.Dispose());
        await Transfers.DisposeAsync().ConfigureAwait(false);
        _gradients.Dispose();
        _parameters.Dispose();
    }).ConfigureAwait(false);
}
