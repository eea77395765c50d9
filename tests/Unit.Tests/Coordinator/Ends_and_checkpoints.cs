namespace RnnLm.Tests;

public sealed class Ends_and_checkpoints
{
    private static readonly ShardTokens[] Pieces =
        [new([0, 1, 2], [0, 3]), new([1, 1], [0, 2]), new([2, 0, 1, 2], [0, 4])];

    [Fact]
    public void Version_0_and_the_last_are_saved_and_then_the_run_ends()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 2));
        harness.Tell(new CheckpointWritten(0, null));
        harness.AnswerAll(0, 0);
        harness.AnswerAll(1, 0);
        Assert.Equal([0, 2], harness.Saves.Select(save => save.State.Version));
        Assert.Null(harness.End);
        harness.Tell(new CheckpointWritten(2, null));
        Assert.Null(harness.End!.Failure);
        Assert.Contains(harness.Sent[CoordinatorHarness.Worker(0)], message => message is Dismiss);
    }

    /// <summary>The sums of a step that is abandoned, and what is still on its way.</summary>
    [Fact]
    public void Asked_to_stop_in_the_middle_of_a_step_it_gives_its_sums_back()
    {
        var harness = Started(new CoordinatorHarness());
        harness.Join(1);
        harness.Tell(harness.Answer(1, 0, Assert.Single(harness.Assignment(1, 0).Ranges)));
        Assert.Equal(1, harness.Gradients.Outstanding);
        var late = harness.Answer(0, 0, Assert.Single(harness.Assignment(0, 0).Ranges));
        harness.Tell(new StopRequested(ExitCode.Terminated));
        harness.Tell(late);
        Assert.Equal(0, harness.Gradients.Outstanding);
    }

    [Fact]
    public void A_snapshot_keeps_its_bytes_while_training_goes_on()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 3, checkpointEvery: 1));
        harness.Tell(new CheckpointWritten(0, null));
        harness.AnswerAll(0, 0);
        var saved = harness.Saves[1].State;
        float[] parameters = saved.Parameters.Values.Span.ToArray();
        float[] moments = [.. saved.Moments[0].Values.Span, .. saved.Moments[1].Values.Span];
        harness.AnswerAll(1, 0);
        Assert.Equal(parameters, saved.Parameters.Values.Span.ToArray());
        Assert.Equal(moments, saved.Moments.SelectMany(moment => moment.Values.Span.ToArray()));
        Assert.NotEqual(0, moments.Max());
    }

    [Fact]
    public void While_one_checkpoint_is_written_only_the_newest_waits()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 6, checkpointEvery: 1));
        for (long step = 0; step < 4; step++)
        {
            harness.AnswerAll(step, 0);
        }

        Assert.Equal([0], harness.Saves.Select(save => save.State.Version));
        harness.Tell(new CheckpointWritten(0, null));
        Assert.Equal([0, 4], harness.Saves.Select(save => save.State.Version));
    }

    [Fact]
    public void A_request_to_stop_abandons_the_step_in_hand_and_saves_the_last_committed_version()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 3));
        harness.Tell(new CheckpointWritten(0, null));
        harness.AnswerAll(0, 0);
        harness.Tell(new StopRequested(ExitCode.Interrupted));
        Assert.Equal(1, harness.Saves[^1].State.Version);
        harness.AnswerAll(1, 0);
        harness.Tell(new CheckpointWritten(1, null));
        Assert.Equal(ExitCode.Interrupted, Assert.IsType<RnnLmException>(harness.End?.Failure).ExitCode);
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    [Fact]
    public void A_last_checkpoint_that_cannot_be_written_is_the_runs_failure()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 1));
        harness.Tell(new CheckpointWritten(0, null));
        harness.AnswerAll(0, 0);
        harness.Tell(new CheckpointWritten(1, RnnLmException.Storage("disk full")));
        Assert.Equal(ExitCode.Storage, Assert.IsType<RnnLmException>(harness.End?.Failure).ExitCode);
        Assert.Single(harness.Events.OfType<CheckpointFailed>());
    }

    /// <summary>Every run has version 0, and a disk that does not take it is known before much is trained.</summary>
    [Fact]
    public void A_first_checkpoint_that_cannot_be_written_ends_the_run_at_once()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 5));
        var failure = RnnLmException.Storage("disk full");
        harness.Tell(new CheckpointWritten(0, failure));
        Assert.Same(failure, harness.End?.Failure);
    }

    [Fact]
    public void A_coordinator_that_has_lost_its_lease_stops_without_another_write_and_leaves_the_workers_alone()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 5, checkpointEvery: 1));
        harness.AnswerAll(0, 0);
        harness.AnswerAll(1, 0);
        int saves = harness.Saves.Count;
        harness.Tell(new CheckpointWritten(0, new RnnLmException(ExitCode.Cluster, "the lease is lost")));
        Assert.Equal("the lease is lost", harness.End?.Failure?.Message);
        Assert.Equal(saves, harness.Saves.Count);
        Assert.DoesNotContain(harness.Sent[CoordinatorHarness.Worker(0)], message => message is Dismiss);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_gradient_that_is_not_finite_ends_the_run_with_the_version_before_it(float poison)
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 3));
        harness.Tell(new CheckpointWritten(0, null));
        harness.AnswerAll(0, 0);
        Poison(harness, step: 1, poison);
        Assert.Equal(1, harness.Saves[^1].State.Version);
        harness.Tell(new CheckpointWritten(1, null));
        Assert.Equal(ExitCode.Diverged, Assert.IsType<RnnLmException>(harness.End?.Failure).ExitCode);
    }

    [Fact]
    public void A_skipped_step_leaves_the_parameters_and_is_recorded()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 3, divergence: DivergencePolicy.Skip));
        harness.AnswerAll(0, 0);
        Poison(harness, step: 1, float.NaN);
        Assert.True(harness.Events.OfType<StepCommitted>().Last().IsSkipped);
        Assert.Equal(harness.ParametersSentTo(0, 1), harness.ParametersSentTo(0, 2));
        harness.AnswerAll(2, 0);
        Assert.NotEqual(harness.ParametersSentTo(0, 2), harness.ParametersSentTo(0, 3));
    }

    [Fact]
    public void Validation_is_the_mean_over_tokens_and_the_lowest_loss_is_the_best()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 2, evaluateEvery: 1, validation: Pieces));
        harness.Tell(new CheckpointWritten(0, null));
        harness.AnswerAll(0, 0);
        AnswerPieces(harness, 1, [3.0, 0.5, 2.5]);
        var first = Assert.Single(harness.Events.OfType<Evaluated>());
        Assert.Equal((3.0 + 0.5 + 2.5) / (2 + 1 + 3), first.MeanLoss, 12);
        Assert.True(first.IsBest);
        Assert.True(harness.Saves[^1] is { IsBest: true, State.Version: 1 });
        harness.Tell(new CheckpointWritten(1, null));
        harness.AnswerAll(1, 0);
        AnswerPieces(harness, 2, [4, 4, 4]);
        Assert.False(harness.Events.OfType<Evaluated>().Last().IsBest);
        Assert.True(harness.Saves[^1] is { IsBest: false, State.Version: 2, ValidationLoss: 2.0 });
    }

    [Fact]
    public void A_validation_loss_that_is_not_finite_is_divergence_and_never_the_best()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 2, evaluateEvery: 1, validation: Pieces));
        harness.Tell(new CheckpointWritten(0, null));
        harness.AnswerAll(0, 0);
        AnswerPieces(harness, 1, [1, double.NaN, 1]);
        Assert.False(Assert.Single(harness.Events.OfType<Evaluated>()).IsBest);
        Assert.True(harness.Saves[^1] is { IsBest: false, State.Version: 1, ValidationLoss: null });
        harness.Tell(new CheckpointWritten(1, null));
        Assert.Equal(ExitCode.Diverged, Assert.IsType<RnnLmException>(harness.End?.Failure).ExitCode);
    }

    [Fact]
    public void When_the_last_version_cannot_be_saved_that_is_what_is_said_of_a_stopped_run()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 3));
        harness.Tell(new CheckpointWritten(0, null));
        harness.AnswerAll(0, 0);
        harness.Tell(new StopRequested(ExitCode.Interrupted));
        harness.Tell(new CheckpointWritten(1, RnnLmException.Storage("disk full")));
        Assert.Equal(ExitCode.Storage, Assert.IsType<RnnLmException>(harness.End?.Failure).ExitCode);
    }

    [Fact]
    public void A_step_is_not_committed_before_the_evaluation_of_its_parameters_is_complete()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 3, evaluateEvery: 1, validation: Pieces));
        harness.AnswerAll(0, 0);
        harness.AnswerAll(1, 0);
        Assert.Single(harness.Events.OfType<StepCommitted>());
        AnswerPieces(harness, 1, [1, 1, 1]);
        Assert.Equal(2, harness.Events.OfType<StepCommitted>().Count());
    }

    [Fact]
    public void Pieces_of_a_lost_worker_are_evaluated_by_another_and_no_piece_counts_twice()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 2, evaluateEvery: 1, validation: Pieces));
        harness.Join(1);
        harness.AnswerAll(0, 0);
        harness.Tell(new Terminated(CoordinatorHarness.Worker(0), null));
        var pieces = harness.Sent[CoordinatorHarness.Worker(1)].OfType<Evaluate>().ToArray();
        while (harness.Events.OfType<Evaluated>().Any() is false)
        {
            var drawn = harness.Sent[CoordinatorHarness.Worker(1)].OfType<Evaluate>().ToArray();
            foreach (var piece in drawn)
            {
                var result = new EvaluationResult(
                    piece.Incarnation,
                    CoordinatorHarness.Worker(1),
                    1,
                    piece.Piece,
                    piece.Piece + 1,
                    piece.Tokens.TargetCount);
                harness.Tell(result);
                harness.Tell(result);
            }
        }

        Assert.NotEmpty(pieces);
        Assert.Equal(6.0 / 6, Assert.Single(harness.Events.OfType<Evaluated>()).MeanLoss, 12);
    }

    [Fact]
    public void A_checkpoint_that_hangs_fails_and_a_stopped_run_waits_no_longer_for_it()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 5, checkpointEvery: 1));
        harness.AnswerAll(0, 0);
        harness.Elapse("writing");
        Assert.Equal(0, Assert.Single(harness.Events.OfType<CheckpointFailed>()).Version);
        harness.AnswerAll(1, 0);
        Assert.Null(harness.End);
        harness.Tell(new StopRequested(ExitCode.Terminated));
        Assert.Null(harness.End);
        harness.Elapse("writing");
        Assert.Equal(ExitCode.Storage, Assert.IsType<RnnLmException>(harness.End?.Failure).ExitCode);
    }

    [Fact]
    public void A_checkpoint_that_is_written_in_time_is_watched_no_longer()
    {
        var harness = Started(new CoordinatorHarness());
        Assert.Equal(5, harness.Timers["writing"].After.TotalMinutes);
        harness.Tell(new CheckpointWritten(0, null));
        Assert.DoesNotContain("writing", harness.Timers.Keys);
    }

    [Fact]
    public void An_evaluation_that_was_made_is_in_the_checkpoint_of_a_stopped_run()
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 6, evaluateEvery: 1, validation: Pieces));
        harness.Tell(new CheckpointWritten(0, null));
        harness.AnswerAll(0, 0);
        AnswerPieces(harness, 1, [1, 1, 1]);
        harness.Tell(new CheckpointWritten(1, null));
        harness.AnswerAll(1, 0);
        AnswerPieces(harness, 2, [4, 4, 4]);
        harness.Tell(new StopRequested(ExitCode.Terminated));
        Assert.True(harness.Saves[^1] is { State.Version: 2, ValidationLoss: 2.0 });
    }

    [Fact]
    public void A_finished_run_that_is_resumed_ends_without_another_evaluation()
    {
        var harness = new CoordinatorHarness(
            totalSteps: 6, validation: Pieces, isResumed: true, isEvaluated: true, version: 6);
        harness.Start();
        Assert.Null(Assert.IsType<StopActor>(harness.End).Failure);
        Assert.Empty(harness.Saves);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_best_is_compared_with_what_could_be_saved(bool isSaved)
    {
        var harness = Started(new CoordinatorHarness(totalSteps: 6, evaluateEvery: 1, validation: Pieces));
        harness.Tell(new CheckpointWritten(0, null));
        harness.AnswerAll(0, 0);
        AnswerPieces(harness, 1, [1, 1, 1]);
        harness.Tell(new CheckpointWritten(1, isSaved ? null : RnnLmException.Storage("disk full")));
        harness.AnswerAll(1, 0);
        AnswerPieces(harness, 2, [2, 2, 2]);
        Assert.Equal(!isSaved, harness.Events.OfType<Evaluated>().Last().IsBest);
        Assert.Equal(isSaved ? 1 : 2, harness.Saves[^1].State.Version);
    }

    /// <summary>A minute's hang of one worker: the other evaluates its pieces, not the silent one again.</summary>
    [Fact]
    public void Pieces_of_a_silent_worker_go_to_those_in_time()
    {
        var harness = Started(new CoordinatorHarness(evaluateEvery: 1, validation: Pieces));
        harness.Join(1);
        harness.AnswerAll(0, 0);
        var silent = harness.Sent[CoordinatorHarness.Worker(0)];
        int asked = silent.OfType<Evaluate>().Count();
        Assert.NotEqual(0, asked);
        harness.AnswerAll(1, 1);
        AnswerPieces(harness, 1, [1, 1, 1], worker: 1);
        while (!harness.Events.OfType<ResultsOverdue>().Any(overdue => overdue.Worker == CoordinatorHarness.Worker(0)))
        {
            harness.Elapse("silence");
        }

        Assert.Equal(asked, silent.OfType<Evaluate>().Count());
        AnswerPieces(harness, 1, [1, 1, 1], worker: 1);
        Assert.Single(harness.Events.OfType<Evaluated>());
    }

    /// <summary>SIGTERM came between the commit and the end of an evaluation that was due.</summary>
    [Fact]
    public void An_evaluation_that_was_due_is_made_up_on_resume_and_can_be_the_best()
    {
        var harness = Started(new CoordinatorHarness(
            totalSteps: 6, evaluateEvery: 2, validation: Pieces, isResumed: true, version: 2));
        AnswerPieces(harness, version: 2, [1, 2, 3]);
        Assert.Equal(1.0, Assert.Single(harness.Events.OfType<Evaluated>()).MeanLoss, 12);
        Assert.Equal((2, true), (Assert.Single(harness.Saves).State.Version, harness.Saves[0].IsBest));
        harness.AnswerAll(2, 0);
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(3, false)]
    public void What_was_evaluated_or_was_not_due_is_not_evaluated_on_resume(long version, bool isEvaluated)
    {
        var harness = Started(new CoordinatorHarness(
            totalSteps: 6,
            evaluateEvery: 2,
            validation: Pieces,
            isResumed: true,
            isEvaluated: isEvaluated,
            version: version));
        Assert.Empty(harness.Sent[CoordinatorHarness.Worker(0)].OfType<Evaluate>());
    }

    /// <summary>
    /// Results that come during a long evaluation show that the workers live; no timer of the step calls it overdue.
    /// </summary>
    [Fact]
    public void A_long_evaluation_is_not_overdue_while_pieces_come()
    {
        ShardTokens[] pieces = [.. Enumerable.Repeat(new ShardTokens([0, 1], [0, 2]), 40)];
        var harness = Started(new CoordinatorHarness(totalSteps: 6, evaluateEvery: 1, validation: pieces));
        harness.AnswerAll(0, 0);
        harness.AnswerAll(1, 0);
        for (int answered = 0; answered < pieces.Length; answered++)
        {
            var piece = harness.Sent[CoordinatorHarness.Worker(0)].OfType<Evaluate>().ElementAt(answered);
            harness.Elapse("silence");
            harness.Tell(new EvaluationResult(piece.Incarnation, CoordinatorHarness.Worker(0), 1, piece.Piece, 1, 1));
        }

        Assert.Contains(harness.Events, happened => happened is Evaluated);
        Assert.DoesNotContain(harness.Events, happened => happened is ResultsOverdue);
    }

    private static CoordinatorHarness Started(CoordinatorHarness harness)
    {
        harness.Start();
        harness.Join(0);
        return harness;
    }

    private static void Poison(CoordinatorHarness harness, long step, float poison)
    {
        foreach (var (worker, range) in harness.Assigned(step, 0))
        {
            var answer = harness.Answer(worker, step, range);
            answer.Gradient.Dense.Span[3] = poison;
            harness.Tell(answer);
        }
    }

    /// <summary>A worker answers, one by one, the pieces that it was asked for until it has no more.</summary>
    private static void AnswerPieces(CoordinatorHarness harness, long version, double[] losses, int worker = 0)
    {
        var id = CoordinatorHarness.Worker(worker);
        for (int answered = 0; ; answered++)
        {
            var asked = harness.Sent[id].OfType<Evaluate>().Where(piece => piece.Version == version);
            if (asked.ElementAtOrDefault(answered) is not { } piece)
            {
                return;
            }

            harness.Tell(new EvaluationResult(
                piece.Incarnation, id, version, piece.Piece, losses[piece.Piece], piece.Tokens.TargetCount));
        }
    }
}
