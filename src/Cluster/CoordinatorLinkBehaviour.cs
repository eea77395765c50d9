namespace RnnLm.Cluster;

/// <summary>
/// A worker's end of its link to the coordinator in another process: to the worker it is the coordinator. It outlives
/// coordinators: when another engages the worker, the worker's word that it is ready is said again to that one, and
/// the worker goes on.
/// </summary>
/// <param name="worker">The worker of this process.</param>
/// <param name="extent">Of the run.</param>
internal sealed class CoordinatorLinkBehaviour(ActorId worker, RunExtent extent) : IBehaviour
{
    /// <summary>Gradients that are offered: by step and number.</summary>
    private readonly List<(long Step, UInt128 Id)> _offers = [];
    private long _incarnation;
    private long _newest = -1;
    private Join? _join;

    /// <summary>Why bulk did not come, as it was said last.</summary>
    private string? _said;

    /// <inheritdoc/>
    public IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now) => message switch
    {
        Started => [],
        Engaged engaged => OnEngaged(engaged),
        Terminated { Failure: var failure } =>
        [
            new ToPeer(new Wire.Farewell { Cause = Translation.Shorten(failure?.Message ?? string.Empty) }),
            new StopActor(failure),
        ],
        Join join => OnJoin(join),
        RangeResult result => OnResult(result),
        RangeFailed or EvaluationResult or EvaluationFailed => [new ToPeer(Translation.ToWire(message))],
        BulkOffered { Body: Wire.RangeResult result } => OnOffered(result),
        FromPeer { Body: Wire.Publish publish } => OnPublish(publish),
        FromPeer { Body: Wire.Large { Content: not null } large } => [new FetchBulk(large)],
        PeerGone or FromPeer { Body: Wire.Farewell } => Withdraw(_ => true),
        FromPeer { Body: var body } => HandOn(Translation.FromCoordinator(body, extent)),
        BulkFetched fetched => OnFetched(fetched),
        _ => throw new InvalidOperationException($"the link to the coordinator does not know {message.GetType().Name}"),
    };

    private List<Effect> OnEngaged(Engaged engaged)
    {
        _incarnation = engaged.Incarnation;
        _newest = -1;
        List<Effect> effects = [new EndFetches(), .. Withdraw(_ => true)];
        if (_join is not null)
        {
            effects.Add(new ToPeer(Translation.ToWire(_join)));
        }

        return effects;
    }

    private ToPeer[] OnJoin(Join join)
    {
        _join = join;
        return [new ToPeer(Translation.ToWire(join))];
    }

    private Effect[] OnResult(RangeResult result)
    {
        if (result.Incarnation == _incarnation)
        {
            return [new OfferBulk(result)];
        }

        result.Release();
        return [];
    }

    private List<Effect> OnOffered(Wire.RangeResult result)
    {
        if (result.Gradient is not null)
        {
            var id = BulkClient.IdOf(result.Gradient);
            if (result.Incarnation != _incarnation)
            {
                return [new WithdrawBulk(id)];
            }

            _offers.Add((result.Step, id));
        }

        return [new ToPeer(result)];
    }

    /// <summary>A large message can come when another coordinator has engaged the worker.</summary>
    private Send[] HandOn(Message message)
    {
        long? incarnation = message switch
        {
            Assign assign => assign.Incarnation,
            Evaluate evaluate => evaluate.Incarnation,
            Recall recall => recall.Incarnation,
            Dismiss dismiss => dismiss.Incarnation,
            _ => null,
        };
        return incarnation == _incarnation ? [new Send(worker, message)] : [];
    }

    private List<Effect> OnPublish(Wire.Publish publish)
    {
        if (publish.Incarnation != _incarnation || publish.Version < _newest || publish.Parameters is null)
        {
            return [];
        }

        // Whatever is of an earlier step will not be fetched any more.
        _newest = publish.Version;
        return [new EndFetches(), .. Withdraw(step => step < publish.Version), new FetchBulk(publish)];
    }

    private Effect[] OnFetched(BulkFetched fetched)
    {
        Effect done = BulkTransfers.ReferenceOf(fetched.Body) is { } reference
            ? new ToPeer(new Wire.Fetched { IdHigh = reference.IdHigh, IdLow = reference.IdLow })
            : throw new InvalidOperationException("what is fetched has a number");
        return fetched switch
        {
            { Message: FromPeer inner } => [done, .. Handle(inner, default)],
            { Message: { } message } => [done, new Send(worker, message)],
            { Failure: { } failure } when failure != _said =>
                [done, new Say($"what it is sent does not come: {_said = failure}")],
            _ => [done],
        };
    }

    private List<Effect> Withdraw(Func<long, bool> isMeant)
    {
        var effects = new List<Effect>();
        foreach (var offer in _offers.Where(offer => isMeant(offer.Step)).ToArray())
        {
            _offers.Remove(offer);
            effects.Add(new WithdrawBulk(offer.Id));
        }

        return effects;
    }
}
