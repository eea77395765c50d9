using Google.Protobuf;

namespace RnnLm.Tests;

public sealed class The_coordinators_end_of_a_link : IDisposable
{
    private const long Incarnation = 5;
    private static readonly ActorId s_worker = ActorId.Worker(0);
    private readonly LinkHarness _link = new(new WorkerLinkBehaviour(s_worker, LinkHarness.Extent, Incarnation));

    public void Dispose() => _link.Dispose();

    [Fact]
    public void Parameters_are_offered_and_the_worker_is_told_where()
    {
        _link.Tell(_link.Publish(Incarnation, 4));
        Assert.Empty(_link.ToPeer);
        ulong id = _link.Offer();
        var told = Assert.IsType<Wire.Publish>(Assert.Single(_link.ToPeer));
        Assert.Equal((Incarnation, 4L, id), (told.Incarnation, told.Version, told.Parameters.IdLow));
        Assert.Equal([id], _link.Offered.Keys);
    }

    [Fact]
    public void A_version_that_is_published_again_or_anew_withdraws_the_offer_before_it()
    {
        foreach (long version in new long[] { 0, 0, 1, 2, 2 })
        {
            _link.Tell(_link.Publish(Incarnation, version));
            Assert.Empty(_link.Offered);
            ulong id = _link.Offer();
            Assert.Equal([id], _link.Offered.Keys);
        }

        Assert.Equal(5, _link.ToPeer.Count);
        Assert.Equal(1, _link.Parameters.Outstanding);
    }

    [Fact]
    public void A_version_that_is_published_again_before_it_was_offered_is_offered_once()
    {
        _link.Tell(_link.Publish(Incarnation, 3));
        _link.Tell(_link.Publish(Incarnation, 3));
        ulong first = _link.Offer();
        ulong second = _link.Offer();
        Assert.NotEqual(first, second);
        Assert.Equal([second], _link.Offered.Keys);
        Assert.Equal(second, ((Wire.Publish)_link.ToPeer[^1]).Parameters.IdLow);
    }

    [Fact]
    public void A_version_that_is_old_before_it_was_offered_is_withdrawn_without_a_word()
    {
        _link.Tell(_link.Publish(Incarnation, 3));
        _link.Tell(_link.Publish(Incarnation, 4));
        _link.Offer();
        Assert.Empty(_link.Offered);
        Assert.Empty(_link.ToPeer);
        _link.Offer();
        Assert.Equal(4, Assert.IsType<Wire.Publish>(Assert.Single(_link.ToPeer)).Version);
    }

    [Fact]
    public void A_newer_version_ends_the_fetches_of_gradients_that_came_too_late()
    {
        _link.Tell(_link.Publish(Incarnation, 3));
        int before = _link.Forgotten;
        _link.Tell(_link.Publish(Incarnation, 3));
        Assert.Equal(0, _link.Forgotten - before);
        _link.Tell(_link.Publish(Incarnation, 4));
        Assert.Equal(1, _link.Forgotten - before);
    }

    [Fact]
    public void Why_a_gradient_did_not_come_is_said_once()
    {
        var result = new Wire.RangeResult
        {
            Incarnation = Incarnation,
            Gradient = new Wire.BulkReference(),
            Range = new Wire.Range { Length = 1 },
        };
        foreach (string? failure in new[] { "nobody answers", "nobody answers", null, "it is another" })
        {
            _link.Tell(new BulkFetched(result, null, failure));
        }

        Assert.Equal(
            [$"{s_worker.Name}'s gradients do not come: nobody answers",
                $"{s_worker.Name}'s gradients do not come: it is another"],
            _link.Said);
    }

    [Fact]
    public void Assignments_pieces_and_the_end_travel_as_they_are()
    {
        var tokens = new ShardTokens([1, 2, 3], [0, 3]);
        Message[] said =
        [
            new Assign(Incarnation, 3, [new AssignedRange(new ShardRange(2, 2), 1, [tokens, ShardTokens.Empty])]),
            new Evaluate(Incarnation, 3, 1, 1, tokens),
            new Recall(Incarnation),
            new Dismiss(Incarnation),
        ];
        Array.ForEach(said, _link.Tell);
        Assert.Equal(said.Select(Translation.ToWire), _link.ToPeer);
    }

    [Fact]
    public void What_the_worker_says_comes_from_the_worker_of_this_link()
    {
        var drawn = new DrawnMessages(new Random(1), LinkHarness.Extent);
        for (int n = 0; n < 100; n++)
        {
            var said = drawn.FromWorker();
            _link.Hear(Translation.ToWire(said));
            Assert.Equal(new Send(ActorId.Coordinator, _link.Sent[^1].Message), _link.Sent[^1]);
            Assert.Equal(s_worker, ((IFromWorker)_link.Sent[^1].Message).Worker);
            Assert.Equal(said.GetType(), _link.Sent[^1].Message.GetType());
        }
    }

    [Fact]
    public void A_result_is_fetched_acknowledged_and_handed_on()
    {
        var result = Result(step: 4, id: 11);
        _link.Hear(result);
        Assert.Equal([result], _link.Fetching);
        Assert.Empty(_link.Sent);
        var came = _link.Came(result);
        _link.Fetch(came);
        Assert.Equal([11ul], _link.Acknowledged());
        Assert.Equal([new Send(ActorId.Coordinator, came)], _link.Sent);
    }

    [Fact]
    public void A_result_that_cannot_be_fetched_is_acknowledged_and_forgotten()
    {
        _link.Hear(Result(step: 4, id: 11));
        _link.Fetch(null);
        Assert.Equal([11ul], _link.Acknowledged());
        Assert.Empty(_link.Sent);
        _link.Hear(Result(step: 4, id: 12));
        Assert.Single(_link.Fetching);
        _link.Fetch(null);
    }

    [Fact]
    public void Two_results_are_fetched_at_once_and_the_others_in_their_order()
    {
        for (ulong id = 1; id <= 9; id++)
        {
            _link.Hear(Result(step: 4, id));
        }

        for (ulong next = 1; next <= 9; next++)
        {
            var fetching = _link.Fetching.Cast<Wire.RangeResult>().Select(result => result.Gradient.IdLow);
            Assert.Equal(next < 9 ? [next, next + 1] : [next], fetching);
            _link.Fetch(next % 3 == 0 ? null : _link.Came((Wire.RangeResult)_link.Fetching[0]));
        }

        Assert.Empty(_link.Fetching);
        Assert.Equal(6, _link.Sent.Count);
        Assert.Equal(Enumerable.Range(1, 9).Select(id => (ulong)id), _link.Acknowledged());
    }

    [Theory]
    [InlineData(Incarnation, 3)]
    [InlineData(Incarnation, 0)]
    [InlineData(Incarnation - 1, 4)]
    [InlineData(Incarnation + 1, 4)]
    public void A_result_that_is_not_wanted_is_not_fetched_and_heard_of_all_the_same(long incarnation, long step)
    {
        _link.Tell(_link.Publish(Incarnation, 4));
        _link.Offer();
        _link.Hear(new Wire.RangeResult(Result(step, id: 11)) { Incarnation = incarnation });
        Assert.Equal([11ul], _link.Acknowledged());
        var fetching = Assert.IsType<Wire.RangeResult>(Assert.Single(_link.Fetching));
        Assert.Equal((null, 0L, 0, 0d), (fetching.Gradient, fetching.TokenCount, fetching.RowCount, fetching.LossSum));
        Assert.Equal((incarnation, step, 7ul), (fetching.Incarnation, fetching.Step, fetching.TokenHash));
        Translation.Check(fetching, LinkHarness.Extent);
        _link.Fetch(_link.Came(fetching));
        Assert.True(Assert.IsType<RangeResult>(Assert.Single(_link.Sent).Message).Gradient.IsIdentity);
        Assert.Equal([11ul], _link.Acknowledged());
    }

    /// <summary>What is wanted when it comes may no longer be when its turn has come.</summary>
    [Fact]
    public void A_result_that_waited_until_it_was_old_is_not_fetched()
    {
        for (ulong id = 1; id <= 3; id++)
        {
            _link.Hear(Result(step: 4, id));
        }

        _link.Tell(_link.Publish(Incarnation, 5));
        _link.Fetch(null);
        Assert.Equal([1ul, 3ul], _link.Acknowledged());
        Assert.Null(((Wire.RangeResult)_link.Fetching[1]).Gradient);
        _link.Fetch(null);
        _link.Fetch(null);
        Assert.Equal([1ul, 3ul, 2ul], _link.Acknowledged());
    }

    [Fact]
    public void More_results_than_a_step_has_ranges_end_the_link_by_name()
    {
        for (ulong id = 1; _link.End is null; id++)
        {
            Assert.InRange(id, 1ul, PlanSettings.MostShards + 3ul);
            _link.Hear(Result(step: 4, id));
        }

        RequireEnd($"it sent {PlanSettings.MostShards} results that nobody had asked for");
    }

    public static TheoryData<string> Words() => ["Join", "RangeFailed", "EvaluationResult", "EvaluationFailed"];

    [Theory]
    [MemberData(nameof(Words))]
    public void More_words_than_were_asked_for_end_the_link_by_name(string kind)
    {
        var word = new DrawnMessages(new Random(1), LinkHarness.Extent).Any(kind);
        int said = 0;
        for (; _link.End is null; said++)
        {
            Assert.InRange(said, 0, 3 * PlanSettings.MostShards);
            _link.Hear(word);
        }

        Assert.InRange(said, PlanSettings.MostShards, 3 * PlanSettings.MostShards);
        RequireEnd("nobody had asked for");
    }

    /// <summary>Thousands of steps of the most ranges and pieces that there can be.</summary>
    [Fact]
    public void As_many_words_as_were_asked_for_never_do()
    {
        var range = new AssignedRange(new ShardRange(0, 1), 1, [ShardTokens.Empty]);
        Assign assign = new(Incarnation, 0, [.. Enumerable.Repeat(range, PlanSettings.MostShards)]);
        var failed = new Wire.RangeFailed { Range = new Wire.Range { Length = 1 } };
        var piece = new Wire.EvaluationResult { Piece = 1 };
        for (long step = 0; step < 20; step++)
        {
            _link.Tell(assign with { Step = step + 1 });
            _link.Tell(_link.Publish(Incarnation, step));
            _link.Offer();
            for (int said = 0; said < PlanSettings.MostShards; said++)
            {
                _link.Hear(failed);
                _link.Tell(new Evaluate(Incarnation, step, said, 1, ShardTokens.Empty));
                _link.Hear(piece);
            }
        }

        Assert.Null(_link.End);
    }

    /// <summary>What is announced and then comes is one word.</summary>
    [Fact]
    public void As_many_large_words_as_were_asked_for_never_do()
    {
        var large = new Wire.Large { Manifest = "EvaluationResult", Content = new() { IdLow = 21, Length = 9 } };
        for (int piece = 0; piece < 4 * PlanSettings.MostShards; piece++)
        {
            _link.Tell(new Evaluate(Incarnation, 4, piece, 1, ShardTokens.Empty));
            _link.Hear(large);
            _link.Fetch(new FromPeer(new Wire.EvaluationResult { Piece = 1 }));
        }

        Assert.Null(_link.End);
    }

    [Fact]
    public void Credit_of_earlier_steps_is_not_saved_for_a_flood()
    {
        var range = new AssignedRange(new ShardRange(0, 1), 1, [ShardTokens.Empty]);
        Assign assign = new(Incarnation, 0, [.. Enumerable.Repeat(range, PlanSettings.MostShards)]);
        for (long step = 0; step < 100; step++)
        {
            _link.Tell(assign with { Step = step });
            _link.Tell(_link.Publish(Incarnation, step));
            _link.Offer();
        }

        for (int said = 0; _link.End is null; said++)
        {
            Assert.InRange(said, 0, 4 * PlanSettings.MostShards);
            _link.Hear(new Wire.EvaluationResult());
        }
    }

    [Fact]
    public void What_was_too_large_to_travel_is_fetched_and_is_what_it_would_have_been()
    {
        var large = new Wire.Large { Manifest = "RangeFailed", Content = new() { IdLow = 21, Length = 9 } };
        _link.Hear(large);
        Assert.Equal([large], _link.Fetching);
        var failed = new Wire.RangeFailed { Step = 1, Range = new() { Start = 0, Length = 2 }, Attempt = 1 };
        _link.Fetch(new FromPeer(failed));
        Assert.Equal([21ul], _link.Acknowledged());
        Assert.IsType<RangeFailed>(Assert.Single(_link.Sent).Message);

        _link.Hear(large);
        _link.Fetch(new FromPeer(Result(4, 22)));
        Assert.Equal(22ul, ((Wire.RangeResult)Assert.Single(_link.Fetching)).Gradient.IdLow);
        _link.Fetch(null);
    }

    [Fact]
    public void A_farewell_ends_the_link_with_its_cause()
    {
        _link.Tell(_link.Publish(Incarnation, 4));
        _link.Offer();
        _link.Tell(_link.Publish(Incarnation, 5));
        _link.Hear(new Wire.Farewell { Cause = "no more\nmemory" });
        RequireEnd("no more\\nmemory");
        Assert.Equal(0, _link.Parameters.Outstanding);
    }

    [Fact]
    public void A_worker_whose_work_is_done_is_no_failure()
    {
        _link.Hear(new Wire.Farewell());
        Assert.Null(_link.End!.Failure);
    }

    [Fact]
    public void A_connection_that_ends_is_the_workers_end()
    {
        _link.Hear(Result(step: 4, id: 1));
        _link.Tell(new PeerGone("its connection ended"));
        RequireEnd("its connection ended");
    }

    [Fact]
    public void A_worker_that_never_joins_is_given_up_and_one_that_does_is_not()
    {
        _link.Tell(new Started());
        var check = _link.Timers["join"];
        Assert.Equal(TimeSpan.FromMinutes(5), check.After);
        _link.Hear(new Wire.Join { Threads = 1, SelfTestHash = "5e1f" });
        _link.Tell(check.Message);
        Assert.Null(_link.End);

        // Work in hand when it was engaged is answered all the same.
        using var lost = new LinkHarness(new WorkerLinkBehaviour(s_worker, LinkHarness.Extent, Incarnation));
        lost.Tell(new Started());
        lost.Hear(Result(step: 4, id: 1));
        lost.Tell(lost.Timers["join"].Message);
        Assert.Contains("5 min", lost.End!.Failure!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_worker_that_does_not_go_when_it_is_dismissed_hears_of_the_links_end()
    {
        _link.Tell(new Dismiss(Incarnation));
        var check = _link.Timers["farewell"];
        Assert.Equal(TimeSpan.FromMinutes(5), check.After);
        _link.Tell(check.Message);
        RequireEnd("dismissed");
    }

    [Fact]
    public void What_no_worker_sends_is_refused()
    {
        var drawn = new DrawnMessages(new Random(1), LinkHarness.Extent);
        string[] sent =
            ["Join", "RangeResult", "RangeFailed", "EvaluationResult", "EvaluationFailed", "Farewell", "Large"];
        IMessage[] bad =
        [
            .. Messages_between_processes.Kinds.Except(sent).Select(drawn.Any),
            new Wire.Join(),
            new Wire.Large { Manifest = "Join" },
            new Wire.Farewell { Cause = new string('x', 2_000) },
        ];
        foreach (var message in bad)
        {
            Assert.Throws<MalformedMessageException>(() => _link.Hear(message));
        }
    }

    private static Wire.RangeResult Result(long step, ulong id) => new()
    {
        Incarnation = Incarnation,
        Step = step,
        Range = new Wire.Range { Start = 0, Length = 1 },
        TokenHash = 7,
        TokenCount = 3,
        LossSum = 2,
        RowCount = 1,
        Gradient = new Wire.BulkReference { IdLow = id, Length = 1 },
    };

    private void RequireEnd(string reason)
    {
        var failure = Assert.IsType<RnnLmException>(_link.End!.Failure);
        Assert.Equal(ExitCode.Cluster, failure.ExitCode);
        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
        Assert.Empty(_link.Offered);
    }
}
