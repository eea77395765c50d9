using Akka.Actor;
using Google.Protobuf;
using RnnLm.Worker;

namespace RnnLm.Cluster;

/// <summary>
/// A worker process: finds work (<see cref="EmploymentBehaviour"/>), and holds the worker of the run that it works for,
/// with its devices.
/// </summary>
/// <param name="name">The worker's name.</param>
/// <param name="numerics">What it computes with: <c>cpu</c> or <c>cuda</c>.</param>
/// <param name="makeDevice">Makes what computes, for a model; owned.</param>
/// <param name="bulk">The bulk plane of this process; not owned.</param>
/// <param name="registries">Where it registers: any of the seed nodes.</param>
/// <param name="say">Takes what is said to whoever watches the process.</param>
/// <param name="end">Faulted with the cause when it cannot go on.</param>
#pragma warning disable CA1001 // What it owns is given back when the actor has stopped.
internal sealed class WorkerHostActor(
    string name,
    string numerics,
    Func<ModelSettings, GradientPool, IDevice> makeDevice,
    BulkPlane bulk,
    IReadOnlyList<ActorSelection> registries,
    Action<string> say,
    TaskCompletionSource end)
    : BehaviourActor(new ActorId(name), new EmploymentBehaviour(name), bulk.Work, watcher: null)
#pragma warning restore CA1001
{
    private Employment? _work;
    private IActorRef? _link;
    private IActorRef? _worker;
    private int _engagements;

    /// <inheritdoc/>
    protected override SupervisorStrategy SupervisorStrategy() => new StoppingSupervisorStrategy().Create();

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case IMessage body:
                Take(new FromPeer(body));
                break;
            case LinkLost when Sender.Equals(_link):
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
        _work?.Dispose();
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
            case ApplyTo { Coordinator: var coordinator }:
                Context.ActorSelection(coordinator).Tell(new Wire.Apply
                {
                    Version = ProtocolVersion.Current,
                    Worker = name,
                    Numerics = numerics,
                    Bulk = bulk.Server.Address,
                    Host = SharedMemory.Host,
                });
                break;
            case Work { Engagement: var engagement }:
                Begin(engagement, new Peer(Sender, Sender.Path.Address, engagement.Bulk, engagement.Host));
                break;
            case EndWork:
                _work?.Dispose();
                _work = null;
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
        if (_link is null || _work?.JobHash != engagement.JobHash)
        {
            if (_link is not null)
            {
                Context.Stop(_worker);
                Context.Stop(_link);
            }

            _work?.Dispose();
            _work = new Employment(engagement, makeDevice, bulk);
            var (id, work) = (new ActorId(name), _work);
            _link = Context.ActorOf(
                Props.Create(() => new LinkActor(
                    id,
                    new CoordinatorLinkBehaviour(id, work.Extent),
                    work.Transfers,
                    work.Extent,
                    bulk.Work,
                    Self,
                    peer)).WithMailbox("bounded-mailbox"),
                $"link-{++_engagements}");
            _worker = Context.ActorOf(
                Props.Create<WorkerActor>(id, work.Device, _link).WithMailbox("bounded-mailbox"),
                $"worker-{_engagements}");
        }

        _link.Tell(new Rebind(peer, engagement.Incarnation));
        say($"works for {peer.Address}");
    }
}

/// <summary>What a worker process holds of the run that it works for.</summary>
internal sealed class Employment : IDisposable
{
    private readonly GradientPool _gradients;
    private readonly FloatBufferPool _parameters;

    /// <summary>Takes what a run needs.</summary>
    public Employment(
        Wire.Engage engagement, Func<ModelSettings, GradientPool, IDevice> makeDevice, BulkPlane bulk)
    {
        var model = new ModelSettings(
            engagement.Model.VocabularySize,
            engagement.Model.Dimension,
            engagement.Model.Layers,
            engagement.Model.PaddingId);
        var layout = ParameterLayout.For(model);
        JobHash = engagement.JobHash;
        Extent = new RunExtent(model, engagement.Shards);
        _gradients = new GradientPool(layout);
        _parameters = new FloatBufferPool(layout.Length);
        Device = makeDevice(model, _gradients);
        Transfers = new BulkTransfers(bulk.Server, bulk.Client, _parameters, _gradients, layout);
    }

    /// <summary>Of the run's job.</summary>
    public string JobHash { get; }

    /// <summary>Model and shards.</summary>
    public RunExtent Extent { get; }

    /// <summary>What computes.</summary>
    public IDevice Device { get; }

    /// <summary>The bulk plane with the run's buffers.</summary>
    public BulkTransfers Transfers { get; }

    /// <summary>Gives everything back once the device has ended, which can take as long as its work in hand.</summary>
    public void Dispose() => Task.Run(() =>
    {
        Device.Dispose();
        Transfers.Dispose();
        _gradients.Dispose();
        _parameters.Dispose();
    });
}
