using Google.Protobuf;

namespace RnnLm.Cluster;

/// <summary>
/// The coordinator's end of its link to one worker in another process: to the coordinator it is the worker. Parameters
/// are offered, gradients fetched, the rest translated. It ends with the connection.
/// </summary>
/// <param name="worker">Who is at the other end; whatever comes is from it.</param>
/// <param name="extent">Of the run.</param>
/// <param name="incarnation">Of the coordinator.</param>
internal sealed class WorkerLinkBehaviour(ActorId worker, RunExtent extent, long incarnation) : IBehaviour
{
    /// <summary>Gradients of one worker that are fetched at once: each takes memory.</summary>
    private const int MostFetches = 2;

    /// <summary>Results of one worker that wait to be fetched; a step has no more ranges.</summary>
    private const int MostWaiting = PlanSettings.MostShards;

    /// <summary>Messages of one worker beyond the answers that it owes: late ones, of an earlier step or an earlier
    /// link. More are a flood, which would fill the coordinator's mailbox.</summary>
    private const int MostUnasked = 2 * PlanSettings.MostShards;

    /// <summary>A worker joins when its device is ready, and says farewell when it is dismissed. When a word of these
    /// was lost both ends wait for each other, until the link ends and the worker applies again; a coordinator waits
    /// longer for the first worker.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    private readonly Queue<IMessage> _waiting = [];
    private int _fetching;
    private bool _hasJoined;

    /// <summary>How many messages are heard until it is asked again.</summary>
    private long _answers = MostUnasked;

    /// <summary>Number of the parameters that are offered.</summary>
    private UInt128? _offered;
    private long _newest = -1;

    /// <summary>Why a gradient did not come, as it was said last.</summary>
    private string? _said;

    /// <inheritdoc/>
    public IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now) => message switch
    {
        Started => [new StartTimer("join", s_patience, new JoinCheck())],
        JoinCheck when _hasJoined => [],
        JoinCheck => [new StopActor(Lost($"it has not joined within {s_patience.TotalMinutes:F0} min"))],
        FromPeer { Body: Wire.Farewell farewell } => [new StopActor(
            farewell.Cause.Length == 0 ? null : Lost(Translation.Text(farewell.Cause)))],
        FromPeer { Body: var body } => Hear(body),
        BulkFetched fetched => OnFetched(fetched),
        BulkOffered { Body: Wire.Publish publish } => OnOffered(publish),
        PeerGone { Reason: var reason } => [new StopActor(Lost(reason))],
        Publish publish => OnPublish(publish),
        Assign assign => Ask(assign, assign.Ranges.Count),
        Evaluate or Recall => Ask(message, 1),
        Dismiss =>
        [
            new ToPeer(Translation.ToWire(message)),
            new StartTimer("farewell", s_patience, new FarewellCheck()),
        ],
        FarewellCheck => [new StopActor(Lost($"it was dismissed {s_patience.TotalMinutes:F0} min ago"))],
        _ => throw new InvalidOperationException($"the link of {worker} does not know {message.GetType().Name}"),
    };

    private static RnnLmException Lost(string reason) => new(ExitCode.Cluster, reason);

    private List<Effect> Hear(IMessage body)
    {
        _hasJoined |= body is Wire.Join;
        if (--_answers < 0)
        {
            return [new StopActor(Lost($"it sent {MostUnasked} messages that nobody had asked for"))];
        }

        return body is Wire.RangeResult or Wire.Large { Content: not null }
            ? Queue(body)
            : [new Send(ActorId.Coordinator, Translation.FromWorker(body, worker, extent))];
    }

    private ToPeer[] Ask(Message question, int answers)
    {
        _answers += answers;
        return [new ToPeer(Translation.ToWire(question))];
    }

    private List<Effect> OnPublish(Publish publish)
    {
        // What was asked for earlier steps is not saved up.
        _answers = Math.Min(_answers, MostUnasked);
        var effects = Withdraw();
        if (publish.Version.Version > _newest)
        {
            // Nobody wants gradients of earlier steps any more.
            effects.Add(new EndFetches());
        }

        _newest = publish.Version.Version;
        effects.Add(new OfferBulk(publish));
        return effects;
    }

    private List<Effect> OnOffered(Wire.Publish publish)
    {
        var id = BulkClient.IdOf(publish.Parameters);
        if (publish.Version < _newest)
        {
            return [new WithdrawBulk(id)];
        }

        // The same version is offered again when it was lost on its way.
        var effects = Withdraw();
        _offered = id;
        effects.Add(new ToPeer(publish));
        return effects;
    }

    private List<Effect> Withdraw()
    {
        var effects = _offered is { } id ? [new WithdrawBulk(id)] : new List<Effect>();
        _offered = null;
        return effects;
    }

    private List<Effect> Queue(IMessage body)
    {
        if (_waiting.Count == MostWaiting)
        {
            return [new StopActor(Lost($"it sent {MostWaiting} results that nobody had asked for"))];
        }

        _waiting.Enqueue(body);
        return Fetch();
    }

    private List<Effect> Fetch()
    {
        var effects = new List<Effect>();
        while (_fetching < MostFetches && _waiting.TryDequeue(out var body))
        {
            if (body is Wire.RangeResult { Gradient: not null } result && !IsWanted(result))
            {
                // The coordinator is to hear of it and drops it; its bytes are not fetched for that.
                effects.Add(Done(result.Gradient));
                body = new Wire.RangeResult(result)
                {
                    Gradient = null,
                    TokenCount = 0,
                    LossSum = 0,
                    RowCount = 0,
                };
            }

            _fetching++;
            effects.Add(new FetchBulk(body));
        }

        return effects;
    }

    private bool IsWanted(Wire.RangeResult result) => result.Incarnation == incarnation && result.Step >= _newest;

    private List<Effect> OnFetched(BulkFetched fetched)
    {
        _fetching--;
        var effects = new List<Effect>();
        if (BulkTransfers.ReferenceOf(fetched.Body) is { } reference)
        {
            effects.Add(Done(reference));
        }

        switch (fetched.Message)
        {
            case FromPeer inner:
                // It was counted when it was announced.
                _answers++;
                effects.AddRange(Handle(inner, default));
                break;
            case { } message:
                effects.Add(new Send(ActorId.Coordinator, message));
                break;
            case null when fetched.Failure is { } failure && failure != _said:
                effects.Add(new Say($"{worker.Name}'s gradients do not come: {_said = failure}"));
                break;
        }

        effects.AddRange(Fetch());
        return effects;
    }

    private static ToPeer Done(Wire.BulkReference reference) =>
        new(new Wire.Fetched { IdHigh = reference.IdHigh, IdLow = reference.IdLow });

    private sealed record JoinCheck : Message;

    private sealed record FarewellCheck : Message;
}
