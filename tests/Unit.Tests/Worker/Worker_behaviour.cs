namespace RnnLm.Tests;

public sealed class Worker_behaviour
{
    private const long Incarnation = 2;
    private static readonly ShardRange Left = new(0, 2);
    private static readonly ShardRange Right = new(2, 2);
    private readonly FloatBufferPool _pool = new(4);
    private readonly WorkerBehaviour _worker = new(ActorId.Worker(1), threads: 3);

    [Fact]
    public void It_joins_when_its_self_test_is_done()
    {
        Assert.IsType<RunSelfTest>(Assert.Single(Tell(new Started())));
        var send = Assert.IsType<Send>(Assert.Single(Tell(new SelfTestDone("hash"))));
        Assert.Equal(new Send(ActorId.Coordinator, new Join(ActorId.Worker(1), 3, "hash")), send);
    }

    [Fact]
    public void Called_back_it_tests_itself_again_once_its_device_is_free()
    {
        Tell(new Started());
        Assert.Empty(Tell(new Recall(Incarnation)));
        Tell(new SelfTestDone("hash"));
        Tell(Publish(0));
        Assert.Empty(Tell(new Recall(Incarnation - 1)));
        Assert.IsType<RunSelfTest>(Assert.Single(Tell(new Recall(Incarnation))));
        Assert.Empty(Tell(new Recall(Incarnation)));
        Assert.IsType<Join>(Assert.IsType<Send>(Assert.Single(Tell(new SelfTestDone("hash")))).Message);
    }

    [Fact]
    public void It_begins_a_step_when_it_has_both_assignment_and_parameters()
    {
        Assert.Empty(Tell(Assignment(0, Left)));
        var begun = Assert.IsType<ComputeRange>(Assert.Single(Tell(Publish(0))));
        Assert.Equal((Left, 0L, Incarnation), (begun.Range, begun.Version.Version, begun.Incarnation));
        Assert.Empty(Tell(Assignment(1, Left, Right)));
        Assert.Equal([Left, Right], Tell(Publish(1)).Cast<ComputeRange>().Select(work => work.Range));
    }

    [Fact]
    public void A_repeated_assignment_begins_nothing_again_and_a_longer_one_only_what_is_new()
    {
        Tell(Publish(0));
        Assert.Single(Tell(Assignment(0, Left)));
        Assert.Empty(Tell(Assignment(0, Left)));
        Assert.Equal(Right, Assert.IsType<ComputeRange>(Assert.Single(Tell(Assignment(0, Left, Right)))).Range);
    }

    [Fact]
    public void A_higher_attempt_computes_a_range_again()
    {
        Tell(Publish(0));
        Tell(Assignment(0, Left));
        Assert.Single(Tell(new Assign(Incarnation, 0, [Assigned(Left, attempt: 2)])));
    }

    [Fact]
    public void An_assignment_ahead_is_replaced_by_the_next_for_that_step()
    {
        Tell(Publish(0));
        Tell(Assignment(1, Left, Right));
        Tell(Assignment(1, Right));
        Assert.Equal(Right, Assert.IsType<ComputeRange>(Assert.Single(Tell(Publish(1)))).Range);
    }

    [Fact]
    public void What_is_old_is_dropped_and_its_parameters_are_released()
    {
        Tell(Publish(5));
        var old = Publish(4);
        Assert.Empty(Tell(old));
        Assert.Throws<ObjectDisposedException>(() => old.Version.Values);
        Assert.Empty(Tell(Assignment(4, Left)));
        Assert.Empty(Tell(new Evaluate(Incarnation, 4, 0, 1, ShardTokens.Empty)));
    }

    [Fact]
    public void An_older_coordinator_is_not_obeyed_and_a_newer_one_replaces_what_was_asked()
    {
        Tell(Publish(0));
        Tell(Assignment(1, Left));
        Assert.Empty(Tell(new Assign(Incarnation - 1, 0, [Assigned(Left)])));
        var older = new Publish(Incarnation - 1, Version(9));
        Assert.Empty(Tell(older));

        Tell(new Assign(Incarnation + 1, 1, [Assigned(Right)]));
        var begun = Tell(new Publish(Incarnation + 1, Version(1))).Cast<ComputeRange>();
        Assert.Equal([(Right, Incarnation + 1)], begun.Select(work => (work.Range, work.Incarnation)));
    }

    [Fact]
    public void A_sum_goes_to_the_coordinator_as_it_came_from_the_device()
    {
        var gradient = new Gradient(ParameterLayout.For(new ModelSettings(2, 1, 1, -1)));
        var effect = Assert.Single(Tell(new RangeComputed(Incarnation, 7, Left, 99, gradient)));
        Assert.Equal(
            new Send(ActorId.Coordinator, new RangeResult(Incarnation, ActorId.Worker(1), 7, Left, 99, gradient)),
            effect);
    }

    [Fact]
    public void What_its_device_cannot_compute_is_told_and_the_worker_goes_on()
    {
        Tell(Publish(0));
        Tell(Assignment(0, Left));
        Assert.Equal(
            new Send(ActorId.Coordinator, new RangeFailed(Incarnation, ActorId.Worker(1), 0, Left, 3, "no such token")),
            Assert.Single(Tell(new RangeNotComputed(Incarnation, 0, Left, 3, "no such token"))));
        var piece = new Evaluate(Incarnation, 0, 3, 2, ShardTokens.Empty);
        Assert.Equal(
            new Send(
                ActorId.Coordinator, new EvaluationFailed(Incarnation, ActorId.Worker(1), 0, 3, 2, "no such token")),
            Assert.Single(Tell(new PieceNotEvaluated(piece, "no such token"))));
        Assert.Single(Tell(Assignment(0, Left, Right)));
    }

    [Fact]
    public void A_piece_that_comes_before_its_version_is_evaluated_when_the_version_comes()
    {
        Tell(Publish(0));
        var piece = new Evaluate(Incarnation, 1, 3, 1, ShardTokens.Empty);
        Assert.Empty(Tell(piece));
        Assert.Equal(piece, Assert.IsType<ComputeLoss>(Assert.Single(Tell(Publish(1)))).Request);
        var result = Assert.IsType<Send>(Assert.Single(Tell(new PieceEvaluated(piece, 1.5, 2, null))));
        Assert.Equal(
            new EvaluationResult(Incarnation, ActorId.Worker(1), 1, 3, 1.5, 2) { Attempt = 1 }, result.Message);
    }

    [Fact]
    public void Pieces_and_assignments_that_come_too_early_are_bounded()
    {
        Tell(Publish(0));
        for (int piece = 0; piece < 1_000; piece++)
        {
            Tell(new Evaluate(Incarnation, 1, piece, 1, ShardTokens.Empty));
        }

        for (long step = 1; step <= 1_000; step++)
        {
            Tell(Assignment(step, Left));
        }

        Assert.Equal(12, Tell(Publish(1)).OfType<ComputeLoss>().Count());
        Assert.Empty(Tell(Publish(998)));
        Assert.Single(Tell(Publish(999)));
    }

    [Fact]
    public void Dismissed_it_releases_its_parameters_and_stops()
    {
        var publish = Publish(0);
        Tell(publish);
        Assert.Null(Assert.IsType<StopActor>(Assert.Single(Tell(new Dismiss(Incarnation)))).Failure);
        Assert.Throws<ObjectDisposedException>(() => publish.Version.Values);
    }

    [Fact]
    public void Without_its_device_it_releases_its_parameters_and_stops_with_the_cause()
    {
        var publish = Publish(0);
        Tell(publish);
        var cause = new InvalidOperationException("no more memory");
        Assert.Same(cause, Assert.IsType<StopActor>(Assert.Single(Tell(new DeviceLost(cause)))).Failure);
        Assert.Throws<ObjectDisposedException>(() => publish.Version.Values);
    }

    [Fact]
    public void A_coordinator_whose_run_was_taken_over_dismisses_nobody()
    {
        Tell(Publish(0));
        Assert.Empty(Tell(new Dismiss(Incarnation - 1)));
        Assert.Single(Tell(Assignment(0, Left)));
    }

    private static AssignedRange Assigned(ShardRange range, int attempt = 1) =>
        new(range, attempt, [.. Enumerable.Repeat(ShardTokens.Empty, range.Length)]);

    private static Assign Assignment(long step, params ShardRange[] ranges) =>
        new(Incarnation, step, [.. ranges.Select(range => Assigned(range))]);

    private Publish Publish(long version) => new(Incarnation, Version(version));

    private ParameterVersion Version(long version) => new(version, new CountedBuffer(_pool.Rent(), _pool));

    private IReadOnlyList<Effect> Tell(Message message) => _worker.Handle(message, DateTimeOffset.UnixEpoch);
}
