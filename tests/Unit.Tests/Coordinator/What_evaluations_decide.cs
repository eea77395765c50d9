namespace RnnLm.Tests;

/// <summary>The learning rate of a plateau, and when a run is out of patience.</summary>
public sealed class What_evaluations_decide
{
    private const long Steps = 7;
    private const long Every = 2;
    private static readonly ShardTokens[] s_pieces = [new([0, 1, 2], [0, 3]), new([1, 1], [0, 2])];
    private static readonly OptimizerSettings s_plateau = CoordinatorHarness.Adam with
    {
        Schedule = new LearningRateSchedule(ScheduleKind.Plateau, 0, 0, Decay: 0.5, EvaluateEvery: Every),
    };

    /// <summary>By version: 4 and 6 are no better than 2, all worse than the beginning.</summary>
    private static readonly double[] s_losses = [0.2, 8, 1, 0.5, 2, 0.5, 1.5, 0.1];

    [Fact]
    public void The_rate_falls_after_each_evaluation_that_has_not_improved_on_the_best()
    {
        var harness = Play(s_plateau, Steps, s_losses);
        double[] rates = [.. harness.Events.OfType<StepCommitted>().Select(step => step.LearningRate)];
        Assert.Equal([0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025], rates);
        Assert.Equal(new PlateauState(1, 0.25), harness.Saves[^1].State.Plateau);
        Assert.Null(Play(CoordinatorHarness.Adam, Steps, s_losses).Saves[^1].State.Plateau);
    }

    /// <summary>Before an evaluation that was due was complete, and after it.</summary>
    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    [InlineData(4, false)]
    [InlineData(4, true)]
    [InlineData(5, true)]
    [InlineData(6, false)]
    [InlineData(6, true)]
    public void A_run_that_is_stopped_goes_on_with_the_same_rates(long version, bool isEvaluated)
    {
        var stopped = Play(s_plateau, Steps, s_losses, stopAt: (version, isEvaluated));
        var save = stopped.Saves[^1];
        Assert.Equal(version, save.State.Version);
        Assert.Equal(isEvaluated && version % Every == 0, save.ValidationLoss is not null);
        Assert.Equal(Parameters(Play(s_plateau, Steps, s_losses)), Parameters(GoOn(save, Steps)));
    }

    /// <summary>How many steps a run is to have is no part of the job.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void The_evaluation_at_the_end_of_a_run_does_not_decide_where_it_was_not_due(long end)
    {
        var ended = Play(s_plateau, end, s_losses);
        Assert.NotNull(ended.Saves[^1].ValidationLoss);
        Assert.Equal(Parameters(Play(s_plateau, Steps, s_losses)), Parameters(GoOn(ended.Saves[^1], Steps)));
    }

    [Fact]
    public void A_run_ends_in_order_when_it_is_out_of_patience()
    {
        var harness = Play(CoordinatorHarness.Adam, Steps, [9, 8, 3, 0, 2, 0, 2, 0], patience: 1);
        Assert.Null(Assert.IsType<StopActor>(harness.End).Failure);
        Assert.Equal(new OutOfPatience(6, 1), Assert.Single(harness.Events.OfType<OutOfPatience>()));
        Assert.True(harness.Saves[^1] is { State.Version: 6, ValidationLoss: not null, IsBest: false });
    }

    [Theory]
    [InlineData(4, true, 1L, 8L)]
    [InlineData(4, false, 0L, 8L)]
    [InlineData(5, true, 1L, 8L)]
    [InlineData(6, false, 1L, 8L)]
    [InlineData(8, false, 2L, 8L)]
    [InlineData(8, true, 3L, 8L)]
    [InlineData(9, true, 3L, 9L)]
    public void A_run_that_is_resumed_counts_on(long version, bool isEvaluated, long sinceBest, long end)
    {
        var harness = new CoordinatorHarness(
            totalSteps: 20,
            evaluateEvery: Every,
            validation: s_pieces,
            isResumed: true,
            isEvaluated: isEvaluated,
            version: version,
            patience: 3,
            bestLoss: 1,
            sinceBest: sinceBest);
        Drive(harness, version, 20, [.. Enumerable.Repeat(2.0, 21)], null);
        Assert.Equal(3, Assert.Single(harness.Events.OfType<OutOfPatience>()).Evaluations);
        Assert.Equal(end, harness.Events.OfType<OutOfPatience>().Single().Version);
        Assert.Null(Assert.IsType<StopActor>(harness.End).Failure);
    }

    [Fact]
    public void One_that_improves_begins_to_count_anew_and_one_without_a_limit_goes_to_its_last_step()
    {
        double[] losses = [9, 9, 1, 9, 1, 9, 0.9, 9];
        Assert.Equal(Steps, Play(CoordinatorHarness.Adam, Steps, losses, patience: 2).Saves[^1].State.Version);
        Assert.Equal(Steps, Play(CoordinatorHarness.Adam, Steps, [.. losses.Select(_ => 1.0)]).Saves[^1].State.Version);
    }

    private static CoordinatorHarness Play(
        OptimizerSettings optimizer,
        long steps,
        double[] losses,
        (long Version, bool IsEvaluated)? stopAt = null,
        long patience = 0)
    {
        var harness = new CoordinatorHarness(
            totalSteps: steps, evaluateEvery: Every, validation: s_pieces, optimizer: optimizer, patience: patience);
        Drive(harness, 0, steps, losses, stopAt);
        return harness;
    }

    private static CoordinatorHarness GoOn(SaveCheckpoint save, long steps)
    {
        var harness = new CoordinatorHarness(
            totalSteps: steps,
            evaluateEvery: Every,
            validation: s_pieces,
            isResumed: true,
            isEvaluated: save.ValidationLoss is not null,
            optimizer: s_plateau,
            state: save.State);
        Drive(harness, save.State.Version, steps, s_losses, null);
        return harness;
    }

    /// <summary>One worker does what it is asked for, until the end or until the run is stopped.</summary>
    private static void Drive(
        CoordinatorHarness harness, long first, long steps, double[] losses, (long, bool)? stopAt)
    {
        int written = 0;
        void Write()
        {
            for (; written < harness.Saves.Count; written++)
            {
                harness.Tell(new CheckpointWritten(harness.Saves[written].State.Version, null));
            }
        }

        harness.Start();
        Write();
        harness.Join(0);
        for (long version = first; harness.End is null; version++)
        {
            bool stopsHere = stopAt == (version, false);
            if (!stopsHere)
            {
                Evaluate(harness, version, losses[version]);
                stopsHere = stopAt == (version, true);
            }

            if (stopsHere)
            {
                harness.Tell(new StopRequested(ExitCode.Terminated));
            }
            else if (version < steps)
            {
                harness.AnswerAll(version, 0);
            }

            Write();
            Assert.True(version <= steps, "the run ends");
        }
    }

    /// <summary>Answers the pieces of a version that were asked for, whose mean is to be the loss.</summary>
    private static void Evaluate(CoordinatorHarness harness, long version, double loss)
    {
        var worker = CoordinatorHarness.Worker(0);
        int answered = 0;
        while (harness.Sent[worker].OfType<Evaluate>().Where(piece => piece.Version == version)
            .ElementAtOrDefault(answered++) is { } piece)
        {
            int tokens = piece.Tokens.TargetCount;
            harness.Tell(new EvaluationResult(
                piece.Incarnation, worker, version, piece.Piece, loss * tokens, tokens));
        }
    }

    private static float[] Parameters(CoordinatorHarness harness)
    {
        Assert.Equal(Steps, harness.Saves[^1].State.Version);
        return harness.Saves[^1].State.Parameters.Values.Span.ToArray();
    }
}
