using Akka.Actor;
using Akka.Remote;
using Google.Protobuf;

namespace RnnLm.Cluster;

/// <summary>How a link reaches the process at its other end.</summary>
/// <param name="Actor">The link's other half; null until it has spoken.</param>
/// <param name="Address">Of that process.</param>
/// <param name="Bulk">host:port of its bulk plane.</param>
/// <param name="Host">Identity of its host.</param>
internal sealed record Peer(IActorRef? Actor, Address Address, string Bulk, string Host);

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
#pragma warning disable CA1001 // What it owns is disposed of when the actor has stopped.
internal sealed class LinkActor(
    ActorId self,
    IBehaviour behaviour,
    BulkTransfers transfers,
    RunExtent extent,
    IWorkQueue work,
    IActorRef? watcher,
    Peer peer) : BehaviourActor(self, behaviour, work, watcher)
#pragma warning restore CA1001
{
    /// <summary>What is larger travels as bulk; cluster.conf gives frames twice that.</summary>
    public const int MostMessageBytes = 256 << 10;

    /// <summary>Messages that travel as bulk and are offered at once.</summary>
    private const int MostLarge = 16;

    private readonly HashSet<UInt128> _offers = [];
    private readonly Queue<UInt128> _large = [];
    private readonly CancellationTokenSource _fetches = new();
    private CancellationTokenSource _parameters = new();
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
        _peer.Actor?.Tell(new Wire.Farewell { Cause = "its process ends" });
        _fetches.Cancel();
        _fetches.Dispose();
        _parameters.Cancel();
        _parameters.Dispose();
        foreach (var offer in _offers)
        {
            transfers.Withdraw(offer);
        }

        base.PostStop();
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Wire.Fetched fetched when IsPeer(Sender):
                Withdraw(new UInt128(fetched.IdHigh, fetched.IdLow));
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
                if (BulkTransfers.ReferenceOf(body) is { } reference)
                {
                    _offers.Add(BulkClient.IdOf(reference));
                }

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
                Tell(body);
                break;
            case OfferBulk { Message: var message }:
                bool isSameHost = SharedMemory.Host.Length > 0 && _peer.Host == SharedMemory.Host;
                Run(() => new BulkOffered(transfers.Offer(message, isSameHost), transfers.Withdraw));
                break;
            case WithdrawBulk { Id: var id }:
                Withdraw(id);
                break;
            case FetchBulk { Body: var body }:
                var from = _peer.Bulk;
                var cancellation = body is Wire.Publish ? _parameters.Token : _fetches.Token;
                RunAsync(() => transfers.FetchAsync(body, Id, extent, from, cancellation));
                break;
            case ForgetParameters:
                _parameters.Cancel();
                _parameters.Dispose();
                _parameters = new CancellationTokenSource();
                break;
            default:
                throw new InvalidOperationException($"a link has no effect {effect.GetType().Name}");
        }
    }

    private void Tell(IMessage body)
    {
        if (_peer.Actor is not { } to)
        {
            return;
        }

        if (body.CalculateSize() <= MostMessageBytes)
        {
            to.Tell(body);
            return;
        }

        var large = transfers.OfferLarge(body);
        var id = BulkClient.IdOf(large.Content);
        _offers.Add(id);
        _large.Enqueue(id);
        if (_large.Count > MostLarge)
        {
            // Nobody will fetch it any more: the word of it was lost.
            Withdraw(_large.Dequeue());
        }

        to.Tell(large);
    }

    private void Withdraw(UInt128 id)
    {
        if (_offers.Remove(id))
        {
            transfers.Withdraw(id);
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
