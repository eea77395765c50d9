using Google.Protobuf;

namespace RnnLm.Tests;

public sealed class The_workers_end_of_a_link : IDisposable
{
    private static readonly ActorId s_worker = ActorId.Worker(0);
    private static readonly Join s_join = new(s_worker, 3, "5e1f");
    private readonly LinkHarness _link = new(new CoordinatorLinkBehaviour(s_worker, LinkHarness.Extent));

    public void Dispose() => _link.Dispose();

    [Fact]
    public void A_worker_that_is_ready_says_so_to_every_coordinator_that_engages_it()
    {
        _link.Tell(new Started());
        _link.Tell(new Engaged(5));
        Assert.Empty(_link.ToPeer);
        _link.Tell(s_join);
        var said = Translation.ToWire(s_join);
        Assert.Equal([said], _link.ToPeer);
        _link.Tell(new PeerGone("it is gone"));
        _link.Tell(new Engaged(6));
        Assert.Equal([said, said], _link.ToPeer);
        _link.Tell(new Engaged(6));
        Assert.Equal([said, said, said], _link.ToPeer);
    }

    [Fact]
    public void Parameters_are_fetched_acknowledged_and_handed_on()
    {
        _link.Tell(new Engaged(5));
        var told = Publish(5, 4, id: 11);
        _link.Hear(told);
        Assert.Equal([told], _link.Fetching);
        var came = _link.Publish(5, 4);
        _link.Fetch(came);
        Assert.Equal([11ul], _link.Acknowledged());
        Assert.Equal([new Send(s_worker, came)], _link.Sent);
    }

    [Fact]
    public void Parameters_that_cannot_be_fetched_are_acknowledged_and_forgotten()
    {
        _link.Tell(new Engaged(5));
        _link.Hear(Publish(5, 4, id: 11));
        _link.Fetch(null);
        Assert.Equal([11ul], _link.Acknowledged());
        Assert.Empty(_link.Sent);

        // They are published again when nothing comes of it.
        _link.Hear(Publish(5, 4, id: 12));
        Assert.Single(_link.Fetching);
    }

    [Fact]
    public void Parameters_of_an_older_version_or_another_coordinator_are_not_fetched()
    {
        _link.Tell(new Engaged(5));
        _link.Hear(Publish(5, 4, id: 1));
        _link.Fetch(_link.Publish(5, 4));
        Wire.Publish[] old =
        [
            Publish(5, 3, id: 2), Publish(4, 9, id: 3), Publish(6, 9, id: 4), Publish(5, -1, id: 5),
            new(Publish(5, 9, id: 6)) { Parameters = null },
        ];
        Array.ForEach(old, _link.Hear);
        Assert.Empty(_link.Fetching);
        Assert.Equal([1ul], _link.Acknowledged());

        _link.Tell(new Engaged(6));
        _link.Hear(Publish(6, 0, id: 7));
        Assert.Single(_link.Fetching);
    }

    [Fact]
    public void A_newer_version_ends_the_fetch_of_the_older()
    {
        _link.Tell(new Engaged(5));
        int before = _link.Forgotten;
        _link.Hear(Publish(5, 4, id: 1));
        _link.Hear(Publish(5, 5, id: 2));
        Assert.Equal(2, _link.Forgotten - before);
        _link.Fetch(null);
        _link.Fetch(_link.Publish(5, 5));
        Assert.Equal(5, ((Publish)Assert.Single(_link.Sent).Message).Version.Version);
        _link.Tell(new Engaged(6));
        Assert.Equal(3, _link.Forgotten - before);
    }

    [Fact]
    public void A_result_is_offered_and_the_coordinator_is_told_where()
    {
        _link.Tell(new Engaged(5));
        _link.Tell(_link.Result(5, 4));
        Assert.Empty(_link.ToPeer);
        ulong id = _link.Offer();
        var told = Assert.IsType<Wire.RangeResult>(Assert.Single(_link.ToPeer));
        Assert.Equal((5L, 4L, id), (told.Incarnation, told.Step, told.Gradient.IdLow));
        Assert.Equal([id], _link.Offered.Keys);
    }

    [Fact]
    public void A_result_of_no_tokens_has_nothing_to_offer()
    {
        _link.Tell(new Engaged(5));
        _link.Tell(_link.Result(5, 4, tokens: 0));
        _link.Offer();
        Assert.Null(Assert.IsType<Wire.RangeResult>(Assert.Single(_link.ToPeer)).Gradient);
        Assert.Empty(_link.Offered);
        Assert.Equal(0, _link.Gradients.Outstanding);
    }

    [Fact]
    public void Offers_of_earlier_steps_are_withdrawn_when_the_next_version_comes()
    {
        _link.Tell(new Engaged(5));
        ulong[] ids = [.. new long[] { 3, 4, 4, 5 }.Select(step =>
        {
            _link.Tell(_link.Result(5, step));
            return _link.Offer();
        })];
        _link.Hear(Publish(5, 4, id: 1));
        Assert.Equal(ids[1..], _link.Offered.Keys.Order());
        _link.Hear(Publish(5, 5, id: 2));
        Assert.Equal(ids[3..], _link.Offered.Keys);
        Assert.Equal(1, _link.Gradients.Outstanding);
    }

    [Fact]
    public void Results_for_another_coordinator_are_given_back()
    {
        _link.Tell(new Engaged(5));
        _link.Tell(_link.Result(4, 9));
        _link.Tell(_link.Result(6, 9));
        Assert.Equal(0, _link.ToOffer);
        Assert.Equal(0, _link.Gradients.Outstanding);

        // One is offered, one about to be, when another coordinator engages the worker.
        _link.Tell(_link.Result(5, 9));
        _link.Offer();
        _link.Tell(_link.Result(5, 9));
        int told = _link.ToPeer.Count;
        _link.Tell(new Engaged(6));
        Assert.Empty(_link.Offered);
        _link.Offer();
        Assert.Empty(_link.Offered);
        Assert.Equal(told, _link.ToPeer.Count);
        Assert.Equal(0, _link.Gradients.Outstanding);
    }

    [Fact]
    public void A_coordinator_that_is_gone_fetches_nothing_more()
    {
        _link.Tell(new Engaged(5));
        _link.Tell(_link.Result(5, 4));
        _link.Offer();
        _link.Tell(new PeerGone("its connection ended"));
        Assert.Empty(_link.Offered);
        Assert.Null(_link.End);
    }

    [Fact]
    public void Failures_and_pieces_travel_as_they_are()
    {
        Message[] said =
        [
            new RangeFailed(5, s_worker, 4, new ShardRange(0, 2), 1, "no"),
            new EvaluationResult(5, s_worker, 4, 1, 2.5, 3),
            new EvaluationFailed(5, s_worker, 4, 1, 1, "no"),
        ];
        Array.ForEach(said, _link.Tell);
        Assert.Equal(said.Select(Translation.ToWire), _link.ToPeer);
    }

    [Fact]
    public void What_was_too_large_to_travel_is_fetched_and_is_what_it_would_have_been()
    {
        _link.Tell(new Engaged(5));
        var large = new Wire.Large { Manifest = "Assign", Content = new() { IdLow = 21, Length = 9 } };
        _link.Hear(large);
        Assert.Equal([large], _link.Fetching);
        _link.Fetch(new FromPeer(new Wire.Assign { Incarnation = 5, Step = 4 }));
        Assert.Equal([21ul], _link.Acknowledged());
        Assert.Equal(4, Assert.IsType<Assign>(Assert.Single(_link.Sent).Message).Step);
        _link.Hear(large);
        _link.Fetch(null);
        Assert.Equal([21ul, 21ul], _link.Acknowledged());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("no more memory")]
    public void The_workers_end_is_told_and_is_the_links(string? cause)
    {
        _link.Tell(new Engaged(5));
        _link.Tell(_link.Result(5, 4));
        _link.Offer();
        _link.Tell(_link.Result(5, 5));
        var failure = cause is null ? null : new InvalidOperationException(cause);
        _link.Tell(new Terminated(s_worker, failure));
        Assert.Equal(cause ?? string.Empty, Assert.IsType<Wire.Farewell>(_link.ToPeer[^1]).Cause);
        Assert.Same(failure, _link.End!.Failure);
        Assert.Equal(0, _link.Gradients.Outstanding);
    }

    [Fact]
    public void A_long_cause_of_the_workers_end_is_one_that_the_other_end_takes()
    {
        string cause = string.Concat(Enumerable.Repeat("😀", 5_000));
        for (int before = 0; before < 2; before++)
        {
            using var link = new LinkHarness(new CoordinatorLinkBehaviour(s_worker, LinkHarness.Extent));
            link.Tell(new Terminated(s_worker, new InvalidOperationException(new string('x', before) + cause)));
            using var other = new LinkHarness(new WorkerLinkBehaviour(s_worker, LinkHarness.Extent, 5));
            var farewell = (Wire.Farewell)WireSerializer.Read("Farewell", link.ToPeer[^1].ToByteArray());
            other.Hear(farewell);
            Assert.DoesNotContain('\uFFFD', other.End!.Failure!.Message);
        }
    }

    [Fact]
    public void What_no_coordinator_sends_is_refused()
    {
        _link.Tell(new Engaged(5));
        var drawn = new DrawnMessages(new Random(1), LinkHarness.Extent);
        IMessage[] bad =
        [
            .. Messages_between_processes.Kinds
                .Except(["Publish", "Assign", "Evaluate", "Dismiss", "Large", "Farewell"])
                .Select(drawn.Any),
            new Wire.Assign { Step = -1 },
            new Wire.Large { Manifest = "Assign" },
        ];
        foreach (var message in bad)
        {
            Assert.Throws<MalformedMessageException>(() => _link.Hear(message));
        }
    }

    private static Wire.Publish Publish(long incarnation, long version, ulong id) => new()
    {
        Incarnation = incarnation,
        Version = version,
        Parameters = new Wire.BulkReference { IdLow = id, Length = 1 },
    };
}
