namespace RnnLm.Tests;

/// <summary>Ranges and pieces that fail: who is asked next, when the text is to blame, and when the worker.</summary>
public sealed class What_cannot_be_computed
{
    private const string Cause = "token id 9 is outside the vocabulary";

    [Fact]
    public void The_shards_of_a_range_that_failed_are_asked_of_another_worker_one_by_one_and_no_bit_changes()
    {
        var undisturbed = Started(1, totalSteps: 2);
        undisturbed.AnswerAll(0, 0);
        undisturbed.AnswerAll(1, 0);

        var harness = Started(3, totalSteps: 2);
        harness.AnswerAll(0, 0, 1, 2);
        var failed = harness.Assignment(0, 1).Ranges.First(range => range.Range.Length > 1).Range;
        harness.Tell(Failure(0, 1, failed));
        Assert.DoesNotContain(harness.Assignment(0, 1).Ranges, range => range.Range == failed);
        ShardRange[] asked =
        [
            .. harness.Assigned(1, 1, 2).Select(it => it.Range.Range).Where(failed.Contains).OrderBy(it => it.Start),
        ];
        Assert.Equal(Enumerable.Range(failed.Start, failed.Length).Select(shard => new ShardRange(shard, 1)), asked);
        harness.AnswerAll(1, 0, 1, 2);
        Assert.Equal(undisturbed.ParametersSentTo(0, 2), harness.ParametersSentTo(1, 2));
        Assert.Equal(
            new WorkFailed(1, CoordinatorHarness.Worker(0), $"shards {failed}", Cause),
            Assert.Single(harness.Events.OfType<WorkFailed>()));
        Assert.DoesNotContain(harness.Events, happened => happened is WorkerLost);
        Assert.Equal(0, harness.Gradients.Outstanding);
    }

    [Fact]
    public void A_shard_that_fails_on_two_workers_ends_the_run_with_its_name_and_the_last_version_saved()
    {
        var harness = Started(3);
        harness.AnswerAll(0, 0, 1, 2);
        var (_, first) = harness.Assigned(1, 0)[^1];
        harness.Tell(Failure(0, 1, first.Range));
        var (second, leaf) = harness.Assigned(1, 1, 2).First(it => first.Range.Contains(it.Range.Range));
        AssertGoesOn(harness);
        harness.Tell(Failure(second, 1, new ShardRange(leaf.Range.Start, 1)));
        AssertEnds(
            harness,
            1,
            "step 1",
            $"shard {leaf.Range.Start} (its examples 0 to 0)",
            $"worker-0 and worker-{second}",
            "rnnlm plan --run RUN --steps 1..2 --json",
            Cause);
    }

    [Fact]
    public void The_only_worker_is_asked_shard_by_shard_and_the_one_that_fails_is_named()
    {
        var harness = Started(1, workerLimit: 1);
        harness.Tell(Failure(0, 0, new ShardRange(0, 8)));
        var asked = harness.Assignment(0, 0).Ranges;
        Assert.Equal(Enumerable.Range(0, 8), asked.Select(range => range.Range.Start));
        foreach (var range in asked.Take(5))
        {
            harness.Tell(harness.Answer(0, 0, range));
        }

        harness.Tell(Failure(0, 0, new ShardRange(5, 1)));
        AssertGoesOn(harness);
        Assert.Contains(
            harness.Assignment(0, 0).Ranges, it => it.Range == new ShardRange(5, 1) && it.Attempt == 2);

        // The first word, once more.
        harness.Tell(Failure(0, 0, new ShardRange(5, 1)));
        AssertGoesOn(harness);
        harness.Tell(Failure(0, 0, new ShardRange(5, 1), attempt: 2));
        AssertEnds(harness, 0, "step 0", "shard 5", "worker-0");
    }

    /// <summary>What failed once, and then not, was no fault of the text.</summary>
    [Fact]
    public void The_only_worker_goes_on_when_every_shard_of_a_range_that_failed_can_be_computed()
    {
        var harness = Started(1);
        harness.Tell(Failure(0, 0, new ShardRange(0, 8)));
        harness.AnswerAll(0, 0);
        Assert.Single(harness.Events.OfType<StepCommitted>());
        Assert.Equal(0, harness.Gradients.Outstanding);
    }

    [Fact]
    public void A_worker_whose_failed_shard_nobody_else_is_left_to_compute_ends_the_run()
    {
        var harness = Started(2, workerLimit: 2);
        harness.Tell(Failure(0, 0, new ShardRange(0, 8)));
        Assert.NotEmpty(harness.Assignment(1, 0).Ranges);
        harness.Tell(new Terminated(CoordinatorHarness.Worker(1), null));
        Assert.Contains(harness.Assignment(0, 0).Ranges, range => range.Range == new ShardRange(3, 1));
        harness.Tell(Failure(0, 0, new ShardRange(3, 1)));
        AssertGoesOn(harness);
        harness.Tell(Failure(0, 0, new ShardRange(3, 1), attempt: 2));
        AssertEnds(harness, 0, "shard 3", "worker-0");
    }

    [Fact]
    public void Ranges_that_fail_on_all_are_narrowed_and_what_fails_by_itself_on_two_is_named()
    {
        var harness = Started(3);
        ShardRange shard = new(6, 1);
        foreach (int worker in new[] { 0, 1, 2 })
        {
            var asked = harness.Assignment(worker, 0).Ranges.Single(it => it.Range.Contains(shard));
            Assert.True(asked.Range.Length > 1);
            harness.Tell(Failure(worker, 0, asked.Range));
            AssertGoesOn(harness);
        }

        int first = harness.Assigned(0, 0, 1, 2).Single(it => it.Range.Range == shard).Worker;
        harness.Tell(Failure(first, 0, shard));
        AssertGoesOn(harness);
        int second = harness.Assigned(0, 0, 1, 2).Single(it => it.Range.Range == shard).Worker;
        Assert.NotEqual(first, second);
        harness.Tell(Failure(second, 0, shard));
        AssertEnds(harness, 0, $"shard 6 (its examples 0 to 0) failed on worker-{Math.Min(first, second)} and worker-");
    }

    [Fact]
    public void A_shard_that_somebody_has_computed_is_not_to_blame()
    {
        var harness = Started(3);
        harness.Tell(Failure(0, 0, new ShardRange(0, 8)));
        var (worker, asked) = harness.Assigned(0, 1, 2)[0];
        harness.Tell(harness.Answer(worker, 0, asked));
        harness.Tell(Failure(worker == 1 ? 2 : 1, 0, asked.Range));
        AssertGoesOn(harness);
        harness.AnswerAll(0, 1, 2);
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    [Fact]
    public void A_worker_that_fails_in_three_steps_in_a_row_is_expelled_with_the_cause()
    {
        var harness = Started(2, totalSteps: 9);
        for (long step = 0; step < 3; step++)
        {
            Assert.DoesNotContain(harness.Events, happened => happened is WorkerLost);
            FailAll(harness, 0, step);
            harness.AnswerAll(step, 1);
        }

        var lost = Assert.Single(harness.Events.OfType<WorkerLost>());
        Assert.Equal(CoordinatorHarness.Worker(0), lost.Worker);
        Assert.Contains(Cause, lost.Reason, StringComparison.Ordinal);
        Assert.IsType<Dismiss>(harness.Sent[CoordinatorHarness.Worker(0)][^1]);
        Assert.Equal(3, harness.Events.OfType<StepCommitted>().Count());

        // Word of its end, and a late greeting of its own, change nothing.
        harness.Join(0);
        harness.Tell(new Terminated(CoordinatorHarness.Worker(0), null));
        harness.AnswerAll(3, 1);
        Assert.Equal(4, harness.Events.OfType<StepCommitted>().Count());
        Assert.Equal(2, harness.Events.OfType<WorkerJoined>().Count());
        AssertGoesOn(harness);
    }

    /// <summary>Each computes what the other failed on, so the run makes progress.</summary>
    [Fact]
    public void Of_two_workers_that_both_fail_in_three_steps_in_a_row_one_stays()
    {
        var harness = Started(2, totalSteps: 9, workerLimit: 2);
        harness.AnswerAll(0, 0, 1);
        for (long step = 1; step < 4; step++)
        {
            foreach (int worker in new[] { 0, 1 })
            {
                harness.Tell(Failure(worker, step, harness.Assignment(worker, step).Ranges[0]));
            }

            harness.AnswerAll(step, 0, 1);
            Assert.Equal(step + 1, harness.Events.OfType<StepCommitted>().Count());
        }

        Assert.Single(harness.Events.OfType<WorkerLost>());
        AssertGoesOn(harness);
        harness.AnswerAll(4, 0, 1);
        Assert.Equal(5, harness.Events.OfType<StepCommitted>().Count());
    }

    [Fact]
    public void While_one_that_was_given_up_may_come_back_what_fails_on_the_other_is_not_to_blame()
    {
        var harness = Started(2, totalSteps: 9, workerLimit: 2);
        harness.AnswerAll(0, 0, 1);
        var old = harness.Assignment(0, 0).Ranges[0];
        var slow = harness.Assignment(1, 1).Ranges;
        while (!harness.Events.OfType<WorkerLost>().Any())
        {
            harness.Elapse("silence");
            harness.Tell(harness.Answer(0, 0, old));
        }

        ShardRange shard = new(slow[0].Range.Start, 1);
        harness.Tell(Failure(0, 1, harness.Assignment(0, 1).Ranges.Single(it => it.Range.Contains(shard))));
        for (int attempt = 1; attempt <= 2; attempt++)
        {
            AssertGoesOn(harness);
            harness.Tell(Failure(0, 1, harness.Assignment(0, 1).Ranges.Single(it => it.Range == shard)));
        }

        AssertGoesOn(harness);
        harness.Tell(harness.Answer(1, 1, slow[0]));
        Assert.Equal(3, harness.Events.OfType<WorkerJoined>().Count());
        AssertGoesOn(harness);
    }

    [Fact]
    public void A_piece_whose_failure_arrives_twice_has_failed_once()
    {
        var harness = Evaluating(1);
        harness.Tell(PieceFailure(0, 1));
        harness.Tell(PieceFailure(0, 1));
        AssertGoesOn(harness);
    }

    [Fact]
    public void A_step_without_a_failure_is_a_new_beginning_for_a_worker()
    {
        var harness = Started(2, totalSteps: 9);
        for (long step = 0; step < 8; step++)
        {
            if (step % 3 != 2)
            {
                FailAll(harness, 0, step);
            }

            harness.AnswerAll(step, 0, 1);
        }

        Assert.Equal(8, harness.Events.OfType<StepCommitted>().Count());
        Assert.DoesNotContain(harness.Events, happened => happened is WorkerLost);
    }

    /// <summary>Nobody else computed what it failed on: that is no proof that it is broken.</summary>
    [Fact]
    public void A_worker_that_fails_and_then_computes_everything_itself_is_not_expelled()
    {
        var harness = Started(1, totalSteps: 9, workerLimit: 1);
        for (long step = 0; step < 5; step++)
        {
            harness.Tell(Failure(0, step, new ShardRange(0, 8)));
            harness.AnswerAll(step, 0);
        }

        Assert.Equal(5, harness.Events.OfType<StepCommitted>().Count());
        Assert.DoesNotContain(harness.Events, happened => happened is WorkerLost);
    }

    /// <summary>The first of two works, and fails, while the other is still in its self-test.</summary>
    [Fact]
    public void A_shard_is_not_to_blame_before_all_workers_have_come()
    {
        var harness = Started(1, workerLimit: 2);
        harness.Tell(Failure(0, 0, new ShardRange(0, 8)));
        harness.Tell(Failure(0, 0, new ShardRange(3, 1)));
        AssertGoesOn(harness);
        harness.Join(1);
        Assert.Contains(harness.Assignment(1, 0).Ranges, range => range.Range == new ShardRange(3, 1));
        harness.Tell(Failure(1, 0, new ShardRange(3, 1)));
        AssertEnds(harness, 0, "shard 3", "worker-0 and worker-1");
    }

    [Fact]
    public void A_shard_that_fails_does_not_wait_for_ever_for_a_worker_that_does_not_come()
    {
        var harness = Started(1, workerLimit: 2);
        harness.Tell(Failure(0, 0, new ShardRange(0, 8)));
        harness.Tell(Failure(0, 0, new ShardRange(3, 1)));
        harness.Tell(Failure(0, 0, new ShardRange(3, 1), attempt: 2));
        harness.Wait(Roster.FirstSilence);
        harness.Elapse("silence");
        AssertEnds(harness, 0, "shard 3", "worker-0");
    }

    /// <summary>Asked for ever, it would fail as fast as it can.</summary>
    [Fact]
    public void Where_others_may_come_a_worker_alone_is_asked_twice_and_then_another_that_comes()
    {
        var undisturbed = Started(1, totalSteps: 1);
        undisturbed.AnswerAll(0, 0);

        var harness = Started(1, totalSteps: 1);
        ShardRange shard = new(3, 1);
        harness.Tell(Failure(0, 0, new ShardRange(0, 8)));
        harness.AnswerAll(0, ranges => ranges.Where(it => it.Range.Range != shard), 0);
        harness.Tell(Failure(0, 0, shard));
        Assert.Contains(harness.Assignment(0, 0).Ranges, range => range.Range == shard);
        harness.Tell(Failure(0, 0, shard, attempt: 2));
        Assert.DoesNotContain(harness.Assignment(0, 0).Ranges, range => range.Range == shard);
        AssertGoesOn(harness);
        harness.Join(1);
        harness.AnswerAll(0, 1);
        Assert.Equal(undisturbed.ParametersSentTo(0, 1), harness.ParametersSentTo(1, 1));
    }

    [Fact]
    public void Failures_of_another_step_or_for_another_coordinator_withdraw_nothing()
    {
        var harness = Started(2);
        harness.Tell(Failure(0, 0, new ShardRange(0, 8)) with { Incarnation = CoordinatorHarness.Incarnation - 1 });
        harness.Tell(Failure(0, 1, new ShardRange(0, 4)));
        harness.AnswerAll(0, 0);
        Assert.Single(harness.Events.OfType<StepCommitted>());
        harness.Tell(Failure(0, 0, new ShardRange(0, 1)));
        harness.Tell(Failure(1, 0, new ShardRange(0, 1)));
        AssertGoesOn(harness);
    }

    [Fact]
    public void Failures_of_ranges_that_no_step_has_and_of_expelled_workers_change_nothing()
    {
        var harness = Started(3, totalSteps: 9);
        harness.Tell(Failure(0, 0, new ShardRange(8, 8)));
        for (long step = 0; step < 3; step++)
        {
            FailAll(harness, 0, step);
            harness.AnswerAll(step, 1, 2);
            harness.AnswerAll(step, 1, 2);
        }

        Assert.Single(harness.Events.OfType<WorkerLost>());
        harness.Tell(Failure(0, 3, new ShardRange(2, 1)));
        harness.Tell(Failure(1, 3, new ShardRange(2, 1)));
        AssertGoesOn(harness);
    }

    [Fact]
    public void A_piece_that_fails_goes_to_another_worker()
    {
        var harness = Evaluating(2);
        var failed = harness.Sent[CoordinatorHarness.Worker(0)].OfType<Evaluate>().First();
        harness.Tell(PieceFailure(0, failed.Piece));
        var again = harness.Sent[CoordinatorHarness.Worker(1)].OfType<Evaluate>().Select(piece => piece.Piece);
        Assert.Contains(failed.Piece, again);
        Assert.Single(
            harness.Sent[CoordinatorHarness.Worker(0)].OfType<Evaluate>(), piece => piece.Piece == failed.Piece);
        for (int piece = 0; piece < 3; piece++)
        {
            harness.Tell(
                new EvaluationResult(CoordinatorHarness.Incarnation, CoordinatorHarness.Worker(1), 1, piece, 4, 2));
        }

        Assert.Equal(2, Assert.Single(harness.Events.OfType<Evaluated>()).MeanLoss);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_piece_that_fails_on_two_workers_or_the_only_one_ends_the_run_with_its_name(int workers)
    {
        var harness = Evaluating(workers);
        for (int failure = 0; failure < 2; failure++)
        {
            AssertGoesOn(harness);
            harness.Tell(PieceFailure(failure % workers, 1, attempt: failure + 1));
        }

        AssertEnds(harness, 1, "step 1", "piece 1 of 3 of the validation text", Cause);
    }

    [Fact]
    public void A_piece_that_failed_waits_for_one_that_is_late_and_goes_to_it_when_it_is_back()
    {
        ShardTokens piece = new([0, 1, 2], [0, 3]);
        var harness = Started(2, totalSteps: 5, evaluateEvery: 2, validation: [piece], workerLimit: 2);
        harness.AnswerAll(0, 0, 1);
        var slow = harness.Assignment(1, 1).Ranges;
        harness.AnswerAll(1, 0);
        harness.Elapse("late ranges");
        harness.AnswerAll(1, 0);
        harness.Tell(PieceFailure(0, 0) with { Version = 2 });
        Assert.DoesNotContain(harness.Sent[CoordinatorHarness.Worker(1)], message => message is Evaluate);
        harness.Tell(harness.Answer(1, 1, slow[0]));
        Assert.Contains(harness.Sent[CoordinatorHarness.Worker(1)], message => message is Evaluate { Version: 2 });
    }

    [Fact]
    public void A_piece_that_cannot_be_read_ends_the_run_with_its_message_and_the_version_saved()
    {
        var harness = new CoordinatorHarness(evaluateEvery: 1, validation: new Unreadable());
        harness.Start();
        harness.Tell(new CheckpointWritten(0, null));
        harness.Join(0);
        harness.AnswerAll(0, 0);
        AssertEnds(harness, 1, ExitCode.Storage, "tokens: changed");
    }

    private static void FailAll(CoordinatorHarness harness, int worker, long step)
    {
        foreach (var range in harness.Assignment(worker, step).Ranges)
        {
            harness.Tell(Failure(worker, step, range.Range));
        }
    }

    private static RangeFailed Failure(int worker, long step, ShardRange range, int attempt = 1) =>
        new(CoordinatorHarness.Incarnation, CoordinatorHarness.Worker(worker), step, range, attempt, Cause);

    private static RangeFailed Failure(int worker, long step, AssignedRange asked) =>
        Failure(worker, step, asked.Range, asked.Attempt);

    private static EvaluationFailed PieceFailure(int worker, int piece, int attempt = 1) =>
        new(CoordinatorHarness.Incarnation, CoordinatorHarness.Worker(worker), 1, piece, attempt, Cause);

    /// <summary>Neither has it ended, nor does it save a version to end with.</summary>
    private static void AssertGoesOn(CoordinatorHarness harness)
    {
        Assert.Null(harness.End);
        Assert.Single(harness.Saves);
    }

    private static void AssertEnds(CoordinatorHarness harness, long version, params string[] words) =>
        AssertEnds(harness, version, ExitCode.BadInput, words);

    private static void AssertEnds(CoordinatorHarness harness, long version, ExitCode code, params string[] words)
    {
        Assert.Equal(version, harness.Saves[^1].State.Version);
        harness.Tell(new CheckpointWritten(version, null));
        var failure = Assert.IsType<RnnLmException>(harness.End?.Failure);
        Assert.Equal(code, failure.ExitCode);
        Assert.All(words, word => Assert.Contains(word, failure.Message, StringComparison.Ordinal));
    }

    /// <summary>Version 1 is being evaluated on three pieces.</summary>
    private static CoordinatorHarness Evaluating(int workers)
    {
        ShardTokens piece = new([0, 1, 2], [0, 3]);
        var harness = Started(
            workers, evaluateEvery: 1, validation: [piece, piece, piece], workerLimit: workers);
        harness.AnswerAll(0, [.. Enumerable.Range(0, workers)]);
        return harness;
    }

    private static CoordinatorHarness Started(
        int workers,
        long totalSteps = 3,
        int? workerLimit = null,
        long evaluateEvery = 0,
        IReadOnlyList<ShardTokens>? validation = null) =>
        new CoordinatorHarness(
            totalSteps, workerLimit: workerLimit, evaluateEvery: evaluateEvery, validation: validation).Begin(workers);

    private sealed class Unreadable : IReadOnlyList<ShardTokens>
    {
        public int Count => 1;

        public ShardTokens this[int index] => throw RnnLmException.Storage("tokens: changed");

        public IEnumerator<ShardTokens> GetEnumerator() => throw new NotSupportedException();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
