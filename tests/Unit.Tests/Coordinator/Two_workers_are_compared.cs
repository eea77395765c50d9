namespace RnnLm.Tests;

public sealed class Two_workers_are_compared
{
    [Fact]
    public void One_range_of_a_step_is_asked_of_a_second_worker_and_the_step_waits_for_it_and_keeps_its_bits()
    {
        var undisturbed = Started(1, totalSteps: 1, verifyEvery: 0);
        undisturbed.AnswerAll(0, 0);

        var harness = Started(2, totalSteps: 1, verifyEvery: 1);
        harness.AnswerAll(0, 0);
        Assert.Empty(harness.Events.OfType<StepCommitted>());
        var (second, range) = Assert.Single(harness.Assigned(0, 1));
        harness.Tell(harness.Answer(second, 0, range));
        Assert.Equal(undisturbed.ParametersSentTo(0, 1), harness.ParametersSentTo(0, 1));
        Assert.Equal(
            new RangeVerified(0, range.Range, CoordinatorHarness.Worker(0), CoordinatorHarness.Worker(1)),
            Assert.Single(harness.Events.OfType<RangeVerified>()));
        Assert.Equal(0, harness.Gradients.Outstanding);
    }

    [Fact]
    public void Only_every_nth_step_is_verified()
    {
        var harness = Started(2, totalSteps: 9, verifyEvery: 3);
        for (long step = 0; step < 9; step++)
        {
            harness.AnswerAll(step, 0, 1);
            harness.AnswerAll(step, 0, 1);
        }

        Assert.Equal([0, 3, 6], harness.Events.OfType<RangeVerified>().Select(verified => verified.Step));
        Assert.Equal(9, harness.Events.OfType<StepCommitted>().Count());
    }

    /// <summary>Every shard of a step comes to be compared, whatever the ranges, and the same again.</summary>
    [Fact]
    public void Seed_and_step_choose_the_range()
    {
        ShardRange[] Chosen(long seed)
        {
            var harness = new CoordinatorHarness(totalSteps: 60, verifyEvery: 1, seed: seed);
            harness.Start();
            int[] workers = [.. Enumerable.Range(0, 9)];
            Array.ForEach(workers, worker => harness.Join(worker));
            for (long step = 0; step < 60; step++)
            {
                harness.AnswerAll(step, workers);
                harness.AnswerAll(step, workers);
            }

            return [.. harness.Events.OfType<RangeVerified>().Select(verified => verified.Range)];
        }

        var ranges = Chosen(seed: 5);
        Assert.Equal(60, ranges.Length);
        Assert.All(
            Enumerable.Range(0, CoordinatorHarness.Shards),
            shard => Assert.Contains(ranges, range => range.Contains(new ShardRange(shard, 1))));
        Assert.Equal(ranges, Chosen(seed: 5));
        Assert.NotEqual(ranges, Chosen(seed: 6));
    }

    [Theory]
    [InlineData("loss")]
    [InlineData("tokens")]
    [InlineData("dense")]
    [InlineData("rows")]
    [InlineData("ids")]
    public void A_mismatch_in_one_bit_names_both_workers_step_and_range_and_keeps_the_version_before(string what)
    {
        var harness = Started(3, totalSteps: 9, verifyEvery: 2);
        for (long step = 0; step < 2; step++)
        {
            AnswerUntilCommitted(harness, step, 0, 1, 2);
        }

        var (first, second, range) = Wrong(harness, 2, what, workers: 3);
        var differ = Assert.Single(harness.Events.OfType<ResultsDiffer>());
        Assert.Equal((2L, range), (differ.Step, differ.Range));
        Assert.Equal([first, second], [differ.Worker, differ.Second]);
        Assert.Equal(2, harness.Saves[^1].State.Version);
        harness.Tell(new CheckpointWritten(2, null));
        var failure = Assert.IsType<RnnLmException>(harness.End?.Failure);
        Assert.Equal(ExitCode.Cluster, failure.ExitCode);
        Assert.All(
            new[] { first.Name, second.Name, $"shards {range}", "step 2", "--on-mismatch continue" },
            word => Assert.Contains(word, failure.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void To_continue_is_to_go_on_without_both_and_to_compute_the_step_anew_to_the_same_bits()
    {
        var undisturbed = Started(1, totalSteps: 9, verifyEvery: 0);
        Enumerable.Range(0, 4).ToList().ForEach(step => undisturbed.AnswerAll(step, 0));

        var harness = Started(4, totalSteps: 9, verifyEvery: 2, MismatchPolicy.Continue);
        for (long step = 0; step < 2; step++)
        {
            AnswerUntilCommitted(harness, step, 0, 1, 2, 3);
        }

        var (first, second, _) = Wrong(harness, 2, "dense", workers: 4);
        Assert.Null(harness.End);
        Assert.Single(harness.Saves);
        var lost = harness.Events.OfType<WorkerLost>().ToArray();
        Assert.Equal([first, second], lost.Select(worker => worker.Worker));
        Assert.All(lost, worker => Assert.Contains("different results", worker.Reason, StringComparison.Ordinal));

        // What one of them still sends counts no more; the others compute all shards again.
        int[] left = [.. Enumerable.Range(0, 4).Where(worker =>
            CoordinatorHarness.Worker(worker) != first && CoordinatorHarness.Worker(worker) != second)];
        Assert.Equal(CoordinatorHarness.Shards, harness.Assigned(2, left).Sum(it => it.Range.Range.Length));
        var stale = harness.Answer(0, 2, harness.Assigned(2, left)[0].Range) with { Worker = first };
        harness.Tell(stale);
        Assert.Equal(1, harness.Dropped("worker expelled"));
        AnswerUntilCommitted(harness, 2, left);
        AnswerUntilCommitted(harness, 3, left);
        Assert.Equal(undisturbed.ParametersSentTo(0, 4), harness.ParametersSentTo(left[0], 4));
        Assert.Equal(0, harness.Gradients.Outstanding);
    }

    /// <summary>An addition under way when the step begins anew brings the wrong sum of before.</summary>
    [Fact]
    public void A_sum_of_before_the_mismatch_does_not_enter_the_step_that_is_computed_anew()
    {
        var undisturbed = Started(1, totalSteps: 1, verifyEvery: 0);
        undisturbed.AnswerAll(0, 0);

        var harness = Together(4, MismatchPolicy.Continue, verifyEvery: 1);
        harness.Holds = name => name.StartsWith("add", StringComparison.Ordinal);
        var (first, second, _) = Wrong(harness, 0, "dense", workers: 4);
        var before = harness.Held.Cast<RangesAdded>().ToArray();
        Assert.NotEmpty(before);
        Array.ForEach(before, added => added.Sum.Dense.Span.Fill(1e9f));
        harness.Held.Clear();
        int[] left = [.. Enumerable.Range(0, 4).Where(worker =>
            CoordinatorHarness.Worker(worker) != first && CoordinatorHarness.Worker(worker) != second)];
        harness.AnswerAll(0, left);
        harness.Holds = _ => false;
        foreach (var sum in before.Concat(harness.Held).ToArray())
        {
            harness.Tell(sum);
        }

        AnswerUntilCommitted(harness, 0, left);
        Assert.Equal(undisturbed.ParametersSentTo(0, 1), harness.ParametersSentTo(left[0], 1));
        Assert.Equal(0, harness.Gradients.Outstanding);
    }

    [Fact]
    public void Without_a_third_worker_a_mismatch_ends_the_run_all_the_same()
    {
        var harness = Started(2, totalSteps: 9, verifyEvery: 1, MismatchPolicy.Continue);
        Wrong(harness, 0, "loss", workers: 2);
        Assert.Equal(ExitCode.Cluster, Assert.IsType<RnnLmException>(harness.End?.Failure).ExitCode);
    }

    [Fact]
    public void One_worker_is_not_verified_and_one_line_says_so_once()
    {
        var harness = Started(1, totalSteps: 3, verifyEvery: 1);
        for (long step = 0; step < 3; step++)
        {
            harness.AnswerAll(step, 0);
        }

        Assert.Equal(3, harness.Events.OfType<StepCommitted>().Count());
        Assert.Equal(
            [new(0, IsFirst: true), new(1, IsFirst: false), new(2, IsFirst: false)],
            harness.Events.OfType<NotVerified>());
    }

    [Fact]
    public void When_the_second_worker_is_lost_or_fails_another_is_asked_and_then_nobody()
    {
        var harness = Started(3, totalSteps: 9, verifyEvery: 1);
        harness.AnswerAll(0, 0);
        var range = Assert.Single(harness.Assignment(1, 0).Ranges).Range;
        harness.Tell(new Terminated(CoordinatorHarness.Worker(1), null));
        Assert.Equal(range, Assert.Single(harness.Assignment(2, 0).Ranges).Range);
        Assert.Empty(harness.Events.OfType<StepCommitted>());
        harness.Tell(new RangeFailed(
            CoordinatorHarness.Incarnation, CoordinatorHarness.Worker(2), 0, range, 1, "no such token"));
        Assert.Single(harness.Events.OfType<StepCommitted>());
        Assert.Null(harness.End);
    }

    /// <summary>Its result was lost: a worker that joins again knows nothing of what it was asked.</summary>
    [Fact]
    public void A_second_worker_that_joins_again_is_asked_again()
    {
        var harness = Started(2, totalSteps: 1, verifyEvery: 1);
        harness.AnswerAll(0, 0);
        var (_, range) = Assert.Single(harness.Assigned(0, 1));
        harness.Join(1);
        var again = Assert.Single(harness.Assignment(1, 0).Ranges);
        Assert.Equal((range.Range, range.Attempt + 1), (again.Range, again.Attempt));
        harness.Tell(harness.Answer(1, 0, again));
        Assert.Single(harness.Events.OfType<RangeVerified>());
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    [Fact]
    public void When_the_second_worker_is_lost_and_nobody_else_is_there_the_step_goes_on_without()
    {
        var harness = Started(2, totalSteps: 1, verifyEvery: 1);
        harness.AnswerAll(0, 0);
        harness.Tell(new Terminated(CoordinatorHarness.Worker(1), null));
        Assert.Single(harness.Events.OfType<NotVerified>());
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    [Fact]
    public void A_second_worker_that_is_late_is_replaced_and_its_result_is_a_duplicate()
    {
        var harness = Together(3, MismatchPolicy.Stop, verifyEvery: 2);
        AnswerUntilCommitted(harness, 0, 0, 1, 2);
        AnswerUntilCommitted(harness, 1, 0, 1, 2);
        var (first, slow, range) = AnswerUntilCompared(harness, 2, 0, 1, 2);
        int other = 3 - first - slow;
        harness.Elapse("late ranges");
        var again = Assert.Single(harness.Assignment(other, 2).Ranges);
        Assert.Equal(range.Range, again.Range);
        harness.Tell(harness.Answer(slow, 2, range));
        Assert.Equal(1, harness.Dropped("duplicate"));
        Assert.Equal(2, harness.Events.OfType<StepCommitted>().Count());
        harness.Tell(harness.Answer(other, 2, again));
        Assert.Equal(3, harness.Events.OfType<StepCommitted>().Count());
        Assert.Equal(0, harness.Gradients.Outstanding);
    }

    /// <summary>A late worker's larger range takes the place of the one that is being compared.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_larger_range_that_takes_the_place_of_the_compared_one_is_compared_too(bool isCompared)
    {
        var harness = Together(3, MismatchPolicy.Stop, verifyEvery: 1);
        harness.Holds = name => name.StartsWith("add", StringComparison.Ordinal);
        var (_, second, range) = AnswerUntilCompared(harness, 0, 0, 1, 2);
        var whole = new ShardRange(0, CoordinatorHarness.Shards);
        ShardTokens[] shards =
        [
            .. harness.Sent.Values.SelectMany(messages => messages.OfType<Assign>()).Where(assign => assign.Step == 0)
                .SelectMany(assign => assign.Ranges)
                .SelectMany(asked => asked.Shards.Select((shard, index) => (Number: asked.Range.Start + index, shard)))
                .DistinctBy(it => it.Number).OrderBy(it => it.Number).Select(it => it.shard),
        ];
        RangeResult[] results =
        [
            harness.Answer(0, 0, new AssignedRange(whole, 1, shards)), harness.Answer(second, 0, range),
        ];
        Array.ForEach(isCompared ? [.. results.Reverse()] : results, harness.Tell);
        harness.Held.ForEach(harness.Tell);
        Assert.Empty(harness.Events.OfType<StepCommitted>());
        AnswerUntilCommitted(harness, 0, 0, 1, 2);
        ShardRange[] expected = isCompared ? [range.Range, whole] : [whole];
        var verified = harness.Events.OfType<RangeVerified>().ToArray();
        Assert.Equal(expected, verified.Select(it => it.Range));
        Assert.Equal(CoordinatorHarness.Worker(0), verified[^1].Worker);
        Assert.Equal(0, harness.Gradients.Outstanding);
    }

    /// <summary>A device that dies is the one worth comparing.</summary>
    [Fact]
    public void A_worker_that_is_lost_before_its_result_is_digested_is_compared_all_the_same()
    {
        var harness = Started(3, totalSteps: 1, verifyEvery: 1);
        harness.Holds = name => name.StartsWith("digest", StringComparison.Ordinal);
        harness.AnswerAll(0, 0);
        harness.Tell(new Terminated(CoordinatorHarness.Worker(0), null));
        harness.Holds = _ => false;
        Assert.Single(harness.Held);
        harness.Held.ForEach(harness.Tell);
        harness.AnswerAll(0, 1, 2);
        Assert.Empty(harness.Events.OfType<NotVerified>());
        Assert.Equal(CoordinatorHarness.Worker(0), Assert.Single(harness.Events.OfType<RangeVerified>()).Worker);
    }

    [Fact]
    public void Workers_that_round_differently_are_not_compared()
    {
        var harness = new CoordinatorHarness(verifyEvery: 1, allowMixed: true);
        harness.Start();
        harness.Join(0, selfTest: "one");
        harness.Join(1, selfTest: "other");
        harness.AnswerAll(0, 0);
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    private static CoordinatorHarness Started(
        int workers, long totalSteps, long verifyEvery, MismatchPolicy onMismatch = MismatchPolicy.Stop) =>
        new CoordinatorHarness(totalSteps, verifyEvery: verifyEvery, onMismatch: onMismatch).Begin(workers);

    /// <summary>All share step 0.</summary>
    private static CoordinatorHarness Together(int workers, MismatchPolicy onMismatch, long verifyEvery)
    {
        var harness = new CoordinatorHarness(totalSteps: 9, verifyEvery: verifyEvery, onMismatch: onMismatch)
        {
            Holds = name => name == "prepare step 0",
        };
        harness.Begin(workers);
        harness.Tell(Assert.Single(harness.Held));
        harness.Held.Clear();
        return harness;
    }

    private static void AnswerUntilCommitted(CoordinatorHarness harness, long step, params int[] workers)
    {
        harness.AnswerAll(step, workers);
        harness.AnswerAll(step, workers);
        Assert.Equal(step, harness.Events.OfType<StepCommitted>().Last().Step);
    }

    /// <summary>All answer what they are asked for; one is then asked for a range of another.</summary>
    private static (int First, int Second, AssignedRange Range) AnswerUntilCompared(
        CoordinatorHarness harness, long step, params int[] workers)
    {
        var before = harness.Assigned(step, workers);
        var known = before.Select(Key).ToHashSet();
        harness.AnswerAll(step, workers);
        var (second, range) = harness.Assigned(step, workers).Single(it => !known.Contains(Key(it)));
        int first = before.Single(it => it.Worker != second && it.Range.Range == range.Range).Worker;
        return (first, second, range);
    }

    private static (int, ShardRange, int) Key((int Worker, AssignedRange Range) it) =>
        (it.Worker, it.Range.Range, it.Range.Attempt);

    /// <summary>All answer, and the second computation of a range has one bit of difference.</summary>
    private static (ActorId First, ActorId Second, ShardRange Range) Wrong(
        CoordinatorHarness harness, long step, string what, int workers)
    {
        var (first, second, range) = AnswerUntilCompared(harness, step, [.. Enumerable.Range(0, workers)]);
        var answer = harness.Answer(second, step, range);
        var gradient = answer.Gradient;
        switch (what)
        {
            case "loss": gradient.LossSum = double.BitIncrement(gradient.LossSum); break;
            case "tokens": gradient.TokenCount++; break;
            case "dense": gradient.Dense.Span[^1] = float.BitIncrement(gradient.Dense.Span[^1]); break;
            case "rows": gradient.Rows.Span[1] = float.BitIncrement(gradient.Rows.Span[1]); break;
            default: gradient.RowIds[gradient.RowCount - 1] ^= 1; break;
        }

        harness.Tell(answer);
        return (CoordinatorHarness.Worker(first), CoordinatorHarness.Worker(second), range.Range);
    }
}
