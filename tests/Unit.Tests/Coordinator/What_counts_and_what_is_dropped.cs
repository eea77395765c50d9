namespace RnnLm.Tests;

public sealed class What_counts_and_what_is_dropped
{
    private static readonly ShardTokens[] s_pieces = [new([0, 1, 2], [0, 3]), new([1, 1], [0, 2])];

    [Fact]
    public void A_result_that_comes_twice_counts_once()
    {
        byte[] Train(bool twice)
        {
            var harness = Started(2);
            harness.AnswerAll(0, ranges => twice ? ranges.Concat(ranges) : ranges, 0, 1);
            harness.AnswerAll(1, ranges => twice ? ranges.SelectMany(range => new[] { range, range }) : ranges, 0, 1);
            if (twice)
            {
                // Repeated before the step was whole: a duplicate. Repeated after it: of an old version.
                Assert.True(harness.Dropped("duplicate") > 0);
                Assert.True(harness.Dropped("wrong version") > 0);
            }

            return harness.ParametersSentTo(0, 2);
        }

        Assert.Equal(Train(twice: false), Train(twice: true));
    }

    [Fact]
    public void A_result_for_another_coordinator_is_dropped()
    {
        var harness = Started(1);
        var (worker, range) = harness.Assigned(0, 0)[0];
        harness.Tell(harness.Answer(worker, 0, range) with { Incarnation = CoordinatorHarness.Incarnation - 1 });
        Assert.Equal(1, harness.Dropped("wrong incarnation"));
        Assert.Empty(harness.Events.OfType<StepCommitted>());
    }

    [Fact]
    public void A_result_computed_from_other_tokens_is_dropped()
    {
        var harness = Started(1);
        var (worker, range) = harness.Assigned(0, 0)[0];
        harness.Tell(harness.Answer(worker, 0, range) with { TokenHash = 1 });
        Assert.Equal(1, harness.Dropped("wrong tokens"));
        harness.Tell(harness.Answer(worker, 0, range));
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    /// <summary>The hash of the tokens is the plan's: whoever has them knows it.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1)]
    [InlineData(19)]
    [InlineData(21)]
    [InlineData(long.MaxValue)]
    public void A_result_that_says_to_have_more_or_fewer_tokens_than_the_plan_is_dropped(long tokens)
    {
        var harness = Started(1);
        var (worker, range) = Assert.Single(harness.Assigned(0, 0));
        var lie = harness.Answer(worker, 0, range);
        Assert.Equal(20, lie.Gradient.TokenCount);
        lie.Gradient.TokenCount = tokens;
        harness.Tell(lie);
        Assert.Equal(1, harness.Dropped("wrong tokens"));
        Assert.Equal(0, harness.Gradients.Outstanding);
        harness.Tell(harness.Answer(worker, 0, range));
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    [Fact]
    public void Token_counts_that_are_wrong_shard_by_shard_and_right_together_are_dropped()
    {
        var harness = Started(2);
        foreach (var (worker, range) in harness.Assigned(0, 0, 1))
        {
            var lie = harness.Answer(worker, 0, range);
            lie.Gradient.TokenCount += worker == 0 ? long.MaxValue : -long.MaxValue;
            harness.Tell(lie);
        }

        Assert.Equal(2, harness.Dropped("wrong tokens"));
        Assert.Empty(harness.Events.OfType<StepCommitted>());
    }

    [Fact]
    public void A_result_for_more_than_was_asked_counts_only_if_it_has_the_plans_tokens()
    {
        byte[] Train(bool larger)
        {
            var harness = Started(2);
            var whole = Assert.Single(harness.Assignment(0, 0).Ranges);
            var half = Assert.Single(harness.Assignment(1, 0).Ranges);
            Assert.Equal((8, 4), (whole.Range.Length, half.Range.Length));
            if (larger)
            {
                harness.Tell(harness.Answer(1, 0, half));
                harness.Tell(harness.Answer(1, 0, whole) with { TokenHash = TokenHash.OfRange(half.Shards) });
                Assert.Equal(1, harness.Dropped("wrong tokens"));
                harness.Tell(harness.Answer(1, 0, whole));
                Assert.Single(harness.Events.OfType<StepCommitted>());
            }

            harness.AnswerAll(0, 0, 1);
            Assert.Equal(0, harness.Gradients.Outstanding);
            return harness.ParametersSentTo(0, 1);
        }

        Assert.Equal(Train(larger: false), Train(larger: true));
    }

    [Theory]
    [InlineData(DivergencePolicy.Stop)]
    [InlineData(DivergencePolicy.Skip)]
    public void A_loss_that_is_no_number_is_a_step_that_diverges(DivergencePolicy policy)
    {
        var harness = new CoordinatorHarness(divergence: policy);
        harness.Begin(1);
        var (worker, range) = Assert.Single(harness.Assigned(0, 0));
        var lie = harness.Answer(worker, 0, range);
        lie.Gradient.LossSum = double.NaN;
        harness.Tell(lie);
        if (policy == DivergencePolicy.Skip)
        {
            Assert.True(Assert.Single(harness.Events.OfType<StepCommitted>()).IsSkipped);
        }
        else
        {
            Assert.Equal(ExitCode.Diverged, Assert.IsType<RnnLmException>(harness.End!.Failure).ExitCode);
        }

        Assert.Equal(0, harness.Gradients.Outstanding);
    }

    [Fact]
    public void A_sum_without_rows_counts()
    {
        var harness = Started(2);
        foreach (var (worker, range) in harness.Assigned(0, 0, 1))
        {
            var answer = harness.Answer(worker, 0, range);
            answer.Gradient.RowCount = worker;
            harness.Tell(answer);
        }

        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(int.MaxValue)]
    [InlineData(int.MinValue)]
    public void A_failure_of_an_attempt_that_was_never_asked_for_is_none(int attempt)
    {
        var harness = Started(1);
        var (_, range) = Assert.Single(harness.Assigned(0, 0));
        harness.Tell(new RangeFailed(
            CoordinatorHarness.Incarnation, CoordinatorHarness.Worker(0), 0, range.Range, attempt, "no"));
        harness.Tell(new RangeFailed(
            CoordinatorHarness.Incarnation, CoordinatorHarness.Worker(0), 0, new ShardRange(3, 1), 1, "no"));
        harness.Tell(new RangeFailed(
            CoordinatorHarness.Incarnation, CoordinatorHarness.Worker(0), 0, new ShardRange(1 << 20, 1), 1, "no"));
        Assert.Empty(harness.Events.OfType<WorkFailed>());
        harness.Tell(harness.Answer(0, 0, range));
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    [Fact]
    public void A_piece_that_says_to_have_more_or_fewer_tokens_than_it_has_is_dropped()
    {
        var harness = Evaluating();
        foreach (long tokens in new[] { 0, 1, 3, -2, long.MaxValue })
        {
            harness.Tell(Piece(0, 4, tokens));
        }

        harness.Tell(Piece(1, 4, long.MaxValue));
        Assert.Equal(6, harness.Dropped("wrong tokens"));
        Assert.Empty(harness.Events.OfType<Evaluated>());
        harness.Tell(Piece(0, 4, 2));
        harness.Tell(Piece(1, 2, 1));
        Assert.Equal(2, Assert.Single(harness.Events.OfType<Evaluated>()).MeanLoss, 12);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(2)]
    [InlineData(int.MaxValue)]
    [InlineData(int.MinValue)]
    public void A_piece_that_there_is_not_changes_nothing(int piece)
    {
        var harness = Evaluating();
        var worker = CoordinatorHarness.Worker(0);
        harness.Tell(Piece(piece, 1, 1));
        for (int attempt = 0; attempt < 3; attempt++)
        {
            harness.Tell(new EvaluationFailed(CoordinatorHarness.Incarnation, worker, 1, piece, attempt, "no"));
            harness.Tell(new EvaluationFailed(CoordinatorHarness.Incarnation, worker, 1, 0, attempt + 2, "no"));
        }

        Assert.Empty(harness.Events.OfType<WorkFailed>());
        harness.Tell(Piece(0, 4, 2));
        harness.Tell(Piece(1, 2, 1));
        Assert.Equal(2, Assert.Single(harness.Events.OfType<Evaluated>()).MeanLoss, 12);
    }

    [Fact]
    public void A_piece_that_nobody_was_asked_for_is_dropped()
    {
        var harness = new CoordinatorHarness(totalSteps: 2, evaluateEvery: 1, validation: s_pieces)
        {
            Holds = name => name.StartsWith("read piece", StringComparison.Ordinal),
        };
        harness.Begin(1);
        harness.AnswerAll(0, 0);
        Assert.Equal(2, harness.Held.Count);
        harness.Tell(Piece(0, 4, 2));
        Assert.Equal(1, harness.Dropped("wrong tokens"));
        Assert.Empty(harness.Sent[CoordinatorHarness.Worker(0)].OfType<Evaluate>());
        harness.Held.ForEach(harness.Tell);
        harness.Tell(Piece(0, 4, 2));
        harness.Tell(Piece(1, 2, 1));
        Assert.Single(harness.Events.OfType<Evaluated>());
    }

    /// <summary>
    /// Worker 1 says whatever can be said, of the tokens that it has been sent too; worker 0 answers what it is asked.
    /// Sums can be wrong, for nobody compares; nothing else may be.
    /// </summary>
    [Fact]
    public void Whatever_a_worker_says_the_coordinator_lives_and_every_buffer_comes_back()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var harness = new CoordinatorHarness(
                totalSteps: 4,
                evaluateEvery: 1 + random.Next(2),
                divergence: DivergencePolicy.Skip,
                validation: s_pieces,
                verifyEvery: random.Next(3),
                onMismatch: MismatchPolicy.Continue);
            harness.Begin(3);
            for (int said = 0; said < 150 && harness.End is null; said++)
            {
                long step = harness.Events.OfType<StepCommitted>().Count();
                harness.Tell(Lie(harness, random, step));
                if (random.Next(4) == 0)
                {
                    harness.AnswerAll(step, 0, 2);
                }
            }

            harness.Tell(new StopRequested(ExitCode.Terminated));
            Assert.Equal(0, harness.Gradients.Outstanding);
        }
    }

    [Fact]
    public void A_result_for_a_step_that_is_not_in_hand_is_dropped()
    {
        var harness = Started(1);
        var (worker, range) = harness.Assigned(1, 0)[0];
        harness.Tell(harness.Answer(worker, 1, range));
        Assert.Equal(1, harness.Dropped("wrong version"));
    }

    [Fact]
    public void Every_gradient_buffer_comes_back_to_the_pool()
    {
        var harness = Started(3);
        for (long step = 0; step < 3; step++)
        {
            harness.AnswerAll(step, ranges => ranges.Concat(ranges), 0, 1, 2);
        }

        Assert.Equal(0, harness.Gradients.Outstanding);
    }

    [Fact]
    public void The_next_steps_tokens_are_sent_ahead_of_its_parameters()
    {
        var harness = Started(1);
        var messages = harness.Sent[CoordinatorHarness.Worker(0)];
        Assert.Contains(messages, message => message is Assign { Step: 1 });
        Assert.DoesNotContain(messages, message => message is Publish { Version.Version: 1 });
    }

    private static CoordinatorHarness Started(int workers)
    {
        var harness = new CoordinatorHarness();
        harness.Start();
        for (int worker = 0; worker < workers; worker++)
        {
            harness.Join(worker);
        }

        return harness;
    }
    /// <summary>A coordinator that has the two pieces of its validation text evaluated.</summary>
    private static CoordinatorHarness Evaluating()
    {
        var harness = new CoordinatorHarness(totalSteps: 2, evaluateEvery: 1, validation: s_pieces);
        harness.Begin(1);
        harness.AnswerAll(0, 0);
        Assert.Equal(2, harness.Sent[CoordinatorHarness.Worker(0)].OfType<Evaluate>().Count());
        return harness;
    }

    private static EvaluationResult Piece(int piece, double loss, long tokens) =>
        new(CoordinatorHarness.Incarnation, CoordinatorHarness.Worker(0), 1, piece, loss, tokens);

    private static Message Lie(CoordinatorHarness harness, Random random, long step)
    {
        T One<T>(params T[] of) => of[random.Next(of.Length)];
        var liar = CoordinatorHarness.Worker(1);
        long incarnation = One(CoordinatorHarness.Incarnation, CoordinatorHarness.Incarnation, 0, long.MaxValue);
        long of = One(step, step, step + 1, step - 1, long.MaxValue);
        int piece = One(0, 1, 2, -1, int.MaxValue, int.MinValue);
        int attempt = One(1, 2, 0, -1, int.MaxValue);
        double loss = One(1.0, 0, -1, double.NaN, double.PositiveInfinity, double.MaxValue);
        long tokens = One(1, 2, 0, 20, long.MaxValue);
        int length = 1 << random.Next(5);
        var range = new ShardRange(length * random.Next(4), length);
        switch (random.Next(8))
        {
            case 0:
                return new Join(liar, One(1, 2, 1 << 16), One("same", "other", string.Empty));
            case 1:
                return new RangeFailed(incarnation, liar, of, range, attempt, "no");
            case 2:
                return new EvaluationResult(incarnation, liar, of, piece, loss, tokens);
            case 3:
                return new EvaluationFailed(incarnation, liar, of, piece, attempt, "no");
            case 4 when random.Next(10) == 0:
                return new Terminated(liar, null);
            default:
                var asked = harness.Assignment(1, step).Ranges;
                var result = asked.Count > 0 && range.End <= CoordinatorHarness.Shards
                    ? harness.Answer(1, step, asked[random.Next(asked.Count)])
                    : new RangeResult(incarnation, liar, of, range, 7, harness.Gradients.Rent());
                var gradient = result.Gradient;
                gradient.LossSum = One(gradient.LossSum, gradient.LossSum, loss);
                gradient.TokenCount = One(gradient.TokenCount, gradient.TokenCount, tokens);
                gradient.RowCount = One(gradient.RowCount, 0);
                return result with
                {
                    Range = One(result.Range, result.Range, range),
                    TokenHash = One(result.TokenHash, result.TokenHash, 1ul),
                };
        }
    }
}
