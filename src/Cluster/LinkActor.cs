using Akka.Actor;
using Akka.Remote;
using Google.Protobuf;

namespace RnnLm.Cluster;

/// <summary>How a link reaches the process at its other end.</summary>
/// <param name="Actor">The link's other half; null until it has spoken.</param>
/// <param name="Process">Who began to speak for that process.</param>
/// <param name="Bulk">host:port of its bulk plane.</param>
/// <param name="Host">Identity of its host.</param>
internal sealed record Peer(IActorRef? Actor, IActorRef Process, string Bulk, string Host)
{
    /// <summary>Of that process.</summary>
    public Address Address => Process.Path.Address;
}

/// <summary>To the worker's end of a link: from now on this is its other end.</summary>
internal sealed record Rebind(Peer Peer, long Incarnation);

/// <summary>To the actor that keeps a worker's link: its coordinator cannot be reached any more.</summary>
/// <param name="Peer">Its end of the link; null when it has not spoken.</param>
internal sealed record LinkLost(IActorRef? Peer);

/// <summary>
/// One end of a link between two processes. Small messages travel by Akka.Remote, bulk by reference
/// (<see cref="BulkTransfers"/>). That the other process is gone is known when it says so or its connection ends.
/// </summary>
/// <param name="self">Who this is to the actors of this process.</param>
/// <param name="behaviour">What decides.</param>
/// <param name="transfers">The bulk plane; not owned.</param>
/// <param name="extent">Of the run.</param>
/// <param name="work">Hashes and copies.</param>
/// <param name="watcher">Whom the link speaks for the other process to; null when it is spoken to first.</param>
/// <param name="peer">The other end.</param>
/// <param name="say">Takes what is said to whoever watches this process.</param>
#pragma warning disable CA1001 // What it owns is disposed of when the actor has stopped.
internal sealed class LinkActor(
    ActorId self,
    IBehaviour behaviour,
    BulkTransfers transfers,
    RunExtent extent,
    IWorkQueue work,
    IActorRef? watcher,
    Peer peer,
    Action<string> say) : BehaviourActor(self, behaviour, work, watcher)
#pragma warning restore CA1001
{
    /// <summary>What is larger travels as bulk; cluster.conf gives frames twice that.</summary>
    public const int MostMessageBytes = 256 << 10;

    private readonly LinkOffers _offers = new(transfers);
    private readonly CancellationTokenSource _end = new();

    /// <summary>Ends with the version: parameters and gradients that are fetched.</summary>
    private CancellationTokenSource _version = new();
    private Peer _peer = peer;

    /// <inheritdoc/>
    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(DisassociatedEvent));
        base.PreStart();
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        Context.System.EventStream.Unsubscribe(Self);
        (_peer.Actor ?? _peer.Process).Tell(new Wire.Farewell { Cause = "its process ends" });
        _end.Cancel();
        _end.Dispose();
        _version.Cancel();
        _version.Dispose();
        _offers.WithdrawAll();
        base.PostStop();
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Wire.Fetched fetched when IsPeer(Sender):
                _offers.OnFetched(fetched);
                break;
            case IMessage body when IsPeer(Sender):
                Take(new FromPeer(body));
                if (body is Wire.Farewell)
                {
                    Context.Parent.Tell(new LinkLost(_peer.Actor));
                }

                break;
            case IMessage:
                // From a coordinator or worker that this was linked to before.
                break;
            case Rebind rebind:
                _peer = rebind.Peer;
                Take(new Engaged(rebind.Incarnation));
                break;
            case DisassociatedEvent ended when ended.RemoteAddress.Equals(_peer.Address):
                Lose("its connection ended");
                break;
            case DisassociatedEvent:
                break;
            case BulkOffered { Body: var body } offered:
                _offers.Add(body);
                Take(offered);
                break;
            default:
                base.OnReceive(message);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void CarryOut(Effect effect, Action<Message> answer)
    {
        switch (effect)
        {
            case ToPeer { Body: var body }:
                _peer.Actor?.Tell(_offers.Fit(body, MostMessageBytes));
                break;
            case OfferBulk { Message: var message }:
                bool isSameHost = SharedMemory.Host.Length > 0 && _peer.Host == SharedMemory.Host;
                Run(() => new BulkOffered(transfers.Offer(message, isSameHost), transfers.Withdraw));
                break;
            case WithdrawBulk { Id: var id }:
                _offers.Withdraw(id);
                break;
            case FetchBulk { Body: var body }:
                var from = _peer.Bulk;
                var cancellation = body is Wire.Large ? _end.Token : _version.Token;
                RunAsync(() => transfers.FetchAsync(body, Id, extent, from, cancellation));
                break;
            case EndFetches:
                _version.Cancel();
                _version.Dispose();
                _version = new CancellationTokenSource();
                break;
            case Say { Text: var text }:
                say(text);
                break;
            default:
                throw new InvalidOperationException($"a link has no effect {effect.GetType().Name}");
        }
    }

    private bool IsPeer(IActorRef sender)
    {
        if (_peer.Actor is null && sender.Path.Address.Equals(_peer.Address))
        {
            _peer = _peer with { Actor = sender };
        }

        return sender.Equals(_peer.Actor);
    }

    private void Lose(string reason)
    {
        Take(new PeerGone(reason));
        Context.Parent.Tell(new LinkLost(_peer.Actor));
    }
}
