using Google.Protobuf;

namespace RnnLm.Tests;

/// <summary>
/// One end of a link driven by hand: what is to be offered waits until the test lets it be offered, what is fetched
/// until the test says what came. Offers are numbered from 1.
/// </summary>
internal sealed class LinkHarness(IBehaviour behaviour) : IDisposable
{
    public static readonly ModelSettings Model = new(VocabularySize: 9, Dimension: 2, Layers: 1, PaddingId: -1);
    public static readonly ParameterLayout Layout = ParameterLayout.For(Model);
    public static readonly RunExtent Extent = new(Model, Shards: 8);
    private readonly Queue<Message> _toOffer = [];
    private ulong _number;

    public FloatBufferPool Parameters { get; } = new(Layout.Length);

    public GradientPool Gradients { get; } = new(Layout);

    public List<IMessage> ToPeer { get; } = [];

    public List<Send> Sent { get; } = [];

    /// <summary>Messages whose bulk is being fetched, in the order in which that began.</summary>
    public List<IMessage> Fetching { get; } = [];

    /// <summary>By their numbers, what is offered and owned for that.</summary>
    public Dictionary<ulong, Message> Offered { get; } = [];

    /// <summary>Messages that wait to be offered.</summary>
    public int ToOffer => _toOffer.Count;

    /// <summary>What was said to whoever watches the process.</summary>
    public List<string> Said { get; } = [];

    /// <summary>How often the fetches of a version were ended.</summary>
    public int Forgotten { get; private set; }

    public Dictionary<string, StartTimer> Timers { get; } = [];

    public StopActor? End { get; private set; }

    public void Tell(Message message)
    {
        Assert.Null(End);
        foreach (var effect in behaviour.Handle(message, DateTimeOffset.UnixEpoch))
        {
            switch (effect)
            {
                case ToPeer { Body: var body }:
                    ToPeer.Add(body);
                    break;
                case Send send:
                    Sent.Add(send);
                    break;
                case OfferBulk { Message: var toOffer }:
                    _toOffer.Enqueue(toOffer);
                    break;
                case WithdrawBulk { Id: var id }:
                    Withdraw((ulong)id);
                    break;
                case FetchBulk { Body: var body }:
                    Fetching.Add(body);
                    break;
                case EndFetches:
                    Forgotten++;
                    break;
                case Say { Text: var text }:
                    Said.Add(text);
                    break;
                case StartTimer timer:
                    Timers[timer.Name] = timer;
                    break;
                case StopActor stop:
                    Stop(stop);
                    break;
                default:
                    throw new InvalidOperationException($"unexpected effect {effect}");
            }
        }
    }

    /// <summary>Whoever is at the other end says something.</summary>
    public void Hear(IMessage body) => Tell(new FromPeer(body));

    /// <summary>What has waited longest is offered now; its number.</summary>
    public ulong Offer()
    {
        var message = _toOffer.Dequeue();
        ulong id = ++_number;
        var reference = new Wire.BulkReference { IdLow = id, Length = 1 };
        IMessage body;
        switch (message)
        {
            case Publish publish:
                body = Translation.ToWire(publish, reference);
                break;
            case RangeResult { Gradient.IsIdentity: true } result:
                body = Translation.ToWire(result, null);
                result.Release();
                Tell(new BulkOffered(body, id => Withdraw((ulong)id)));
                return 0;
            default:
                body = Translation.ToWire((RangeResult)message, reference);
                break;
        }

        Offered[id] = message;
        Tell(new BulkOffered(body, id => Withdraw((ulong)id)));
        return id;
    }

    /// <summary>What is being fetched for longest has come as this, or not.</summary>
    public void Fetch(Message? message)
    {
        var body = Fetching[0];
        Fetching.RemoveAt(0);
        Tell(new BulkFetched(body, message, message is null ? "it did not come" : null));
    }

    /// <summary>What has come of a result that is fetched: a sum with that many tokens.</summary>
    public RangeResult Came(Wire.RangeResult result)
    {
        var gradient = Gradients.Rent();
        gradient.TokenCount = result.TokenCount;
        return new RangeResult(
            result.Incarnation, ActorId.Worker(0), result.Step, new ShardRange(0, 1), result.TokenHash, gradient);
    }

    public Publish Publish(long incarnation, long version) => new(
        incarnation, new ParameterVersion(version, new CountedBuffer(Parameters.Rent(), Parameters)));

    public RangeResult Result(long incarnation, long step, long tokens = 3)
    {
        var gradient = Gradients.Rent();
        gradient.TokenCount = tokens;
        return new RangeResult(incarnation, ActorId.Worker(0), step, new ShardRange(0, 1), 7, gradient);
    }

    /// <summary>Numbers of what was fetched, as the other end was told.</summary>
    public ulong[] Acknowledged() => [.. ToPeer.OfType<Wire.Fetched>().Select(fetched => fetched.IdLow)];

    /// <summary>At the end of every test: what the link and those it has sent to held is given back.</summary>
    public void Dispose()
    {
        if (End is null)
        {
            Stop(new StopActor(null));
        }

        Sent.ForEach(send => send.Message.Release());
        Assert.Equal((0, 0), (Parameters.Outstanding, Gradients.Outstanding));
    }

    /// <summary>As the actor does when it has stopped.</summary>
    private void Stop(StopActor stop)
    {
        End = stop;
        foreach (ulong id in Offered.Keys.ToArray())
        {
            Withdraw(id);
        }

        while (_toOffer.TryDequeue(out var message))
        {
            message.Release();
        }
    }

    private void Withdraw(ulong id)
    {
        if (Offered.Remove(id, out var message))
        {
            message.Release();
        }
    }
}
