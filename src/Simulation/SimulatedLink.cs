using Google.Protobuf;
using RnnLm.Cluster;

namespace RnnLm.Simulation;

/// <summary>One end of a link between two processes; does what <see cref="LinkActor"/> does with Akka.</summary>
#pragma warning disable CA1001 // What it owns has no handles that anybody would miss.
internal sealed class SimulatedLink : SimulatedActor
#pragma warning restore CA1001
{
    private readonly SimulatedActor _inner;
    private readonly SimulatedWorkerProcess? _keeper;
    private readonly BulkTransfers _transfers;
    private readonly LinkOffers _offers;
    private readonly CancellationTokenSource _end = new();
    private readonly PlainHost _host;

    /// <summary>Who applied at its coordinator.</summary>
    private SimulatedActor? _applicant;
    private CancellationTokenSource _version = new();

    /// <param name="inner">Whom it stands before: a coordinator, or a node.</param>
    /// <param name="worker">At the other end, or at this one.</param>
    /// <param name="behaviour">What decides.</param>
    /// <param name="keeper">Whose it is in a worker's process; null in a coordinator's.</param>
    public SimulatedLink(
        SimulatedActor inner, ActorId worker, IBehaviour behaviour, SimulatedWorkerProcess? keeper = null)
        : base(inner.World, inner.Process, worker)
    {
        (_inner, _keeper) = (inner, keeper);
        _transfers = Process.Bulk.Transfers();
        _offers = new LinkOffers(_transfers);
        Host = _host = new PlainHost(this, behaviour, (_, effect) => CarryOut(effect));
        World.Links.Add(this);
        _host.Tell(new Started());
    }

    /// <summary>The other end; null until it has spoken.</summary>
    public SimulatedActor? Peer { get; private set; }

    /// <summary>The process at the other end.</summary>
    public SimulatedProcess? PeerProcess { get; private set; }

    private RunExtent Extent => new(World.Scenario.Job.Model, World.Scenario.Job.Shards);

    public override SimulatedActor? AddressOf(ActorId to) => _inner;

    /// <summary>The other end will be in the process of who has applied.</summary>
    public void Expect(SimulatedActor applicant)
    {
        _applicant = applicant;
        Bind(applicant.Process, null);
    }

    /// <summary>From now on this is the other end.</summary>
    public void Bind(SimulatedProcess process, SimulatedActor? peer)
    {
        (PeerProcess, Peer) = (process, peer);
        if (peer is { Lives: false })
        {
            World.TellOfLoss(this, peer);
        }
    }

    /// <summary>A coordinator has engaged the worker at this end.</summary>
    public void Engage(SimulatedActor peer, long incarnation)
    {
        Bind(peer.Process, peer);
        Tell(new Engaged(incarnation));
    }

    /// <summary>The actor that it stands before has stopped.</summary>
    public void LoseInner() => Process.Post(Local, () => Tell(new Terminated(_inner.Id, _inner.Failure)));

    /// <summary>The other end is gone, or is said to be; false when it is another by now.</summary>
    public bool Lose(SimulatedActor? peer)
    {
        if (IsStopped || peer != Peer)
        {
            return false;
        }

        Tell(new PeerGone("its connection ended"));
        _keeper?.OnLost(peer);
        return true;
    }

    public override void Deliver(Message message, SimulatedActor? sender)
    {
        if (message is not FromPeer { Body: var body })
        {
            base.Deliver(message, sender);
            return;
        }

        if (IsStopped || !IsPeer(sender!))
        {
            return;
        }

        if (body is Wire.Fetched fetched)
        {
            _offers.OnFetched(fetched);
            return;
        }

        base.Deliver(message, sender);
        if (body is Wire.Farewell)
        {
            _keeper?.OnLost(sender);
        }
    }

    protected override void OnMessage(Message message, SimulatedActor? sender)
    {
    }

    protected override void OnStopped(Exception? failure)
    {
        World.Links.Remove(this);
        if ((Peer ?? _applicant) is { } other)
        {
            Send(other, new FromPeer(new Wire.Farewell { Cause = "its process ends" }));
        }

        _end.Cancel();
        _version.Cancel();
        _offers.WithdrawAll();
        World.OnGone(actor => actor == this);
        _keeper?.OnEnded(this, failure);
    }

    private void CarryOut(Effect effect)
    {
        switch (effect)
        {
            case ToPeer { Body: var body } when Peer is not null:
                Send(Peer, new FromPeer(_offers.Fit(body, World.Scenario.MostMessageBytes)));
                break;
            case ToPeer:
                break;
            case OfferBulk { Message: var message }:
                Process.Work(
                    () => new BulkOffered(_transfers.Offer(message, isSameHost: false), _transfers.Withdraw),
                    mayBlock: false,
                    OnOffered);
                break;
            case WithdrawBulk { Id: var id }:
                _offers.Withdraw(id);
                break;
            case FetchBulk { Body: var body }:
                Fetch(body);
                break;
            case EndFetches:
                _version.Cancel();
                _version = new CancellationTokenSource();
                break;
            case Say { Text: var text }:
                World.Note(Id.Name, text);
                break;
            default:
                throw new InvalidOperationException($"a link has no effect {effect.GetType().Name}");
        }
    }

    private void Tell(Message message)
    {
        Observe(message);
        _host.Tell(message);
    }

    private void OnOffered(BulkOffered offered)
    {
        if (!IsStopped)
        {
            _offers.Add(offered.Body);
        }

        Tell(offered);
    }

    private void Fetch(IMessage body)
    {
        var cancellation = body is Wire.Large ? _end.Token : _version.Token;
        Process.Fetches++;
        var fetch = _transfers.FetchAsync(body, Id, Extent, PeerProcess!.Bulk.Address, cancellation);
        fetch.ContinueWith(
            fetched => Process.Post(TimeSpan.Zero, () =>
            {
                Process.Fetches--;
                World.Count(fetched.Result.Message is null ? "bulk not fetched" : "bulk fetched");
                Tell(fetched.Result);
                _keeper?.CheckReleased();
            }),
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private bool IsPeer(SimulatedActor sender)
    {
        if (Peer is null && sender.Process == PeerProcess)
        {
            Bind(sender.Process, sender);
        }

        return sender == Peer;
    }
}
