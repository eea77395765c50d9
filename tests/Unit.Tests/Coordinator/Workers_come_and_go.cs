namespace RnnLm.Tests;

public sealed class Workers_come_and_go
{
    [Fact]
    public void The_shards_of_a_lost_worker_go_to_the_others_and_no_bit_changes()
    {
        var undisturbed = new CoordinatorHarness(totalSteps: 1);
        undisturbed.Start();
        undisturbed.Join(0);
        undisturbed.AnswerAll(0, 0);

        var harness = new CoordinatorHarness(totalSteps: 1);
        harness.Start();
        harness.Join(0);
        harness.Join(1);
        harness.Join(2);
        var lost = harness.Assignment(0, 0).Ranges;
        Assert.NotEmpty(lost);
        harness.Tell(new Terminated(CoordinatorHarness.Worker(0), new InvalidOperationException("device lost")));
        harness.AnswerAll(0, 1, 2);
        Assert.Equal(undisturbed.ParametersSentTo(0, 1), harness.ParametersSentTo(1, 1));
        Assert.Contains(harness.Events, happened => happened is WorkerLost { Reason: "device lost" });
    }

    [Fact]
    public void A_worker_that_joins_has_work_in_the_next_step()
    {
        var harness = new CoordinatorHarness();
        harness.Start();
        harness.Join(0);
        harness.Join(1);
        Assert.NotEmpty(harness.Assignment(1, 1).Ranges);
        harness.AnswerAll(0, 0);
        Assert.Equal(1, harness.Sent[CoordinatorHarness.Worker(1)].OfType<Publish>().Last().Version.Version);
        harness.AnswerAll(1, 0, 1);
        Assert.Equal(2, harness.Events.OfType<StepCommitted>().Count());
    }

    [Fact]
    public void Without_workers_the_job_waits_and_goes_on_when_one_joins()
    {
        var harness = new CoordinatorHarness(workerLimit: null);
        harness.Start();
        harness.Join(0);
        harness.Tell(new Terminated(CoordinatorHarness.Worker(0), null));
        Assert.Null(harness.End);
        Assert.IsType<WaitingForWorkers>(harness.Events[^1]);
        harness.Join(1);
        harness.AnswerAll(0, 1);
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    [Fact]
    public void Where_no_other_can_join_the_loss_of_the_last_worker_ends_the_run_with_its_cause()
    {
        var harness = new CoordinatorHarness(workerLimit: 2);
        harness.Start();
        harness.Join(0);
        harness.Tell(new Terminated(CoordinatorHarness.Worker(1), new InvalidOperationException("never joined")));
        Assert.Null(harness.End);
        harness.Tell(new Terminated(CoordinatorHarness.Worker(0), new InvalidOperationException("device lost")));
        harness.Tell(new CheckpointWritten(0, null));
        var failure = Assert.IsType<RnnLmException>(harness.End?.Failure);
        Assert.Equal(ExitCode.Cluster, failure.ExitCode);
        Assert.Contains("device lost", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_worker_that_rounds_differently_is_refused()
    {
        var harness = new CoordinatorHarness();
        harness.Start();
        harness.Join(0, selfTest: "one");
        harness.Join(1, selfTest: "other");
        Assert.IsType<Dismiss>(Assert.Single(harness.Sent[CoordinatorHarness.Worker(1)]));
        Assert.Contains(
            harness.Events, happened => happened is WorkerRefused { SelfTestHash: "other", ExpectedHash: "one" });
        harness.AnswerAll(0, 0);
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    [Fact]
    public void A_late_range_is_computed_elsewhere_too_and_the_first_result_counts()
    {
        var harness = WithTwoMeasuredWorkers();
        var slow = harness.Assignment(1, 1).Ranges;
        Assert.NotEmpty(slow);
        harness.AnswerAll(1, 0);
        Assert.Single(harness.Events.OfType<StepCommitted>());

        harness.Elapse("late ranges");
        Assert.Equal(CoordinatorHarness.Worker(1), Assert.Single(harness.Events.OfType<RangesLate>()).Worker);
        Assert.Equal(
            slow.Sum(range => range.Range.Length), harness.Assignment(0, 1).Ranges.Sum(range => range.Range.Length));
        harness.AnswerAll(1, 0);
        Assert.Equal(2, harness.Events.OfType<StepCommitted>().Count());
        Assert.Equal(CoordinatorHarness.Shards, harness.Assignment(0, 3).Ranges.Sum(range => range.Range.Length));

        long dropped = harness.Dropped("wrong version");
        harness.Tell(harness.Answer(1, 1, slow[0]));
        Assert.Equal(dropped + 1, harness.Dropped("wrong version"));
        harness.AnswerAll(2, 0);
        Assert.NotEmpty(harness.Assignment(1, 4).Ranges);
    }

    /// <summary>Nobody's speed is known, so nobody is late: without a second one the run would wait for minutes.
    /// </summary>
    [Fact]
    public void In_the_first_step_a_newcomer_computes_too_what_another_was_asked_that_hangs()
    {
        var harness = new CoordinatorHarness().Begin(workers: 2);
        Assert.NotEmpty(harness.Assignment(1, 0).Ranges);
        harness.AnswerAll(0, 1);
        harness.Elapse("late ranges");
        Assert.Equal(CoordinatorHarness.Worker(0), Assert.Single(harness.Events.OfType<RangesLate>()).Worker);
        harness.AnswerAll(0, 1);
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    /// <summary>A worker dies, and a machine that rounds differently is started under its name.</summary>
    [Fact]
    public void A_member_whose_name_another_machine_has_that_is_refused_is_a_member_no_more()
    {
        var harness = new CoordinatorHarness().Begin(workers: 2);
        harness.Join(0, selfTest: "another");
        Assert.Equal(CoordinatorHarness.Worker(0), Assert.Single(harness.Events.OfType<WorkerLost>()).Worker);
        Assert.IsType<Dismiss>(harness.Sent[CoordinatorHarness.Worker(0)][^1]);
        harness.AnswerAll(0, 1);
        Assert.Single(harness.Events.OfType<StepCommitted>());
        Assert.IsType<Dismiss>(harness.Sent[CoordinatorHarness.Worker(0)][^1]);
    }

    [Fact]
    public void No_worker_is_late_before_a_quarter_of_a_second()
    {
        var harness = new CoordinatorHarness();
        harness.Start();
        harness.Join(0);
        harness.Join(1);
        for (long step = 0; step < 2; step++)
        {
            foreach (var (worker, range) in harness.Assigned(step, 0, 1))
            {
                harness.Tell(harness.Answer(worker, step, range), TimeSpan.FromMilliseconds(1));
            }
        }

        Assert.Equal(2, harness.Events.OfType<StepCommitted>().Count());
        Assert.Equal(250, harness.Timers["late ranges"].After.TotalMilliseconds, 3);
    }

    [Fact]
    public void A_silent_worker_is_asked_again_then_given_up_and_welcome_back()
    {
        var harness = WithTwoMeasuredWorkers(totalSteps: 100);
        var owed = harness.Assignment(1, 1).Ranges[0];
        harness.AnswerAll(1, 0);
        harness.Elapse("late ranges");
        harness.AnswerAll(1, 0);
        long step = 2;
        ElapseSilence(harness, 0, ref step, happened => happened is ResultsOverdue { Worker.Name: "worker-1" });
        Assert.DoesNotContain(harness.Events, happened => happened is WorkerLost);
        ElapseSilence(harness, 0, ref step, happened => happened is WorkerLost { Worker.Name: "worker-1" });
        Assert.Null(harness.End);

        harness.Tell(harness.Answer(1, 1, owed));
        Assert.Equal(3, harness.Events.OfType<WorkerJoined>().Count());
        Assert.NotEmpty(harness.Assignment(1, step + 1).Ranges);
    }

    [Fact]
    public void Lost_parameters_are_sent_again_with_the_overdue_ranges()
    {
        var harness = new CoordinatorHarness();
        harness.Start();
        harness.Join(0);
        int published = harness.Sent[CoordinatorHarness.Worker(0)].OfType<Publish>().Count();
        Assert.All(harness.Assignment(0, 0).Ranges, range => Assert.Equal(1, range.Attempt));
        ElapseSilence(harness, happened => happened is ResultsOverdue);
        Assert.Equal(published + 1, harness.Sent[CoordinatorHarness.Worker(0)].OfType<Publish>().Count());
        Assert.All(harness.Assignment(0, 0).Ranges, range => Assert.Equal(2, range.Attempt));
    }

    [Fact]
    public void When_the_only_worker_stays_silent_the_run_ends_and_says_so()
    {
        var harness = new CoordinatorHarness(workerLimit: 1);
        harness.Start();
        harness.Join(0);
        ElapseSilence(harness, happened => happened is WorkerLost);
        Assert.IsType<WaitingForWorkers>(harness.Events[^1]);
        harness.Elapse("nobody");
        harness.Tell(new CheckpointWritten(0, null));
        var failure = Assert.IsType<RnnLmException>(harness.End?.Failure);
        Assert.Equal(ExitCode.Cluster, failure.ExitCode);
        Assert.Contains("worker-0 is given up", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>All that it said may have been lost, and it has nothing more to say.</summary>
    [Fact]
    public void One_that_was_given_up_is_called_back_until_it_comes()
    {
        var harness = new CoordinatorHarness();
        harness.Start();
        harness.Join(0);
        ElapseSilence(harness, happened => happened is WorkerLost);
        int Calls() => harness.Sent[CoordinatorHarness.Worker(0)].OfType<Recall>().Count();
        int calls = Calls();
        harness.Elapse("silence");
        Assert.Equal(calls + 1, Calls());
        harness.Join(0);
        Assert.IsType<WorkerJoined>(harness.Events[^1]);
        harness.Elapse("silence");
        Assert.Equal(calls + 1, Calls());
    }

    /// <summary>A device that hangs in its self-test: the run does not wait for ever.</summary>
    [Fact]
    public void When_no_worker_ever_joins_the_run_ends_and_says_so()
    {
        var harness = new CoordinatorHarness(workerLimit: 1);
        harness.Start();
        harness.Elapse("nobody");
        harness.Tell(new CheckpointWritten(0, null));
        Assert.Equal(ExitCode.Cluster, Assert.IsType<RnnLmException>(harness.End?.Failure).ExitCode);
    }

    [Fact]
    public void A_worker_that_joins_changes_what_the_others_are_told_only_where_it_takes_over()
    {
        var harness = new CoordinatorHarness();
        harness.Start();
        for (int worker = 0; worker < 9; worker++)
        {
            harness.Join(worker);
        }

        // What the first was asked of the step in hand stays; nine share the eight shards of the next.
        Assert.Single(harness.Sent[CoordinatorHarness.Worker(0)].OfType<Assign>(), assign => assign.Step == 0);
        int told = harness.Sent[CoordinatorHarness.Worker(7)].OfType<Assign>().Count();
        harness.Join(9);
        Assert.Equal(told, harness.Sent[CoordinatorHarness.Worker(7)].OfType<Assign>().Count());
    }

    /// <summary>Its result was lost: under the old number it would take the range for one that it has begun.</summary>
    [Fact]
    public void A_worker_that_joins_again_is_asked_under_a_new_number()
    {
        var harness = new CoordinatorHarness();
        harness.Start();
        harness.Join(0);
        var before = Assert.Single(harness.Assignment(0, 0).Ranges);
        harness.Join(0);
        var after = Assert.Single(harness.Assignment(0, 0).Ranges);
        Assert.Equal(before.Range, after.Range);
        Assert.InRange(after.Attempt, before.Attempt + 1, int.MaxValue);
    }

    [Fact]
    public void A_coordinator_that_lost_the_run_ends_and_writes_nothing_more()
    {
        var harness = new CoordinatorHarness();
        harness.Start();
        int saves = harness.Saves.Count;
        var lost = new RnnLmException(ExitCode.Cluster, "taken over");
        harness.Tell(new LeaseLost(lost));
        Assert.Same(lost, harness.End?.Failure);
        Assert.Equal(saves, harness.Saves.Count);
    }

    /// <summary>
    /// A worker that joins while the next version is made gets the one in hand: nobody else may give that back.
    /// </summary>
    [Fact]
    public void The_version_in_hand_can_be_sent_while_the_next_is_made()
    {
        var harness = new CoordinatorHarness { Holds = name => name.StartsWith("update", StringComparison.Ordinal) };
        harness.Start();
        harness.Join(0);
        harness.AnswerAll(0, 0);
        var updated = Assert.Single(harness.Held);
        harness.Sent[CoordinatorHarness.Worker(0)].OfType<Publish>().Single().Release();
        harness.Join(1);
        var published = Assert.Single(harness.Sent[CoordinatorHarness.Worker(1)].OfType<Publish>());
        Assert.Equal(0, published.Version.Version);
        Assert.Equal(1, published.Version.Values.Span[0]);
        harness.Tell(updated);
        Assert.Single(harness.Events.OfType<StepCommitted>());
        published.Release();
        harness.Saves[0].State.Release();
        Assert.Throws<ObjectDisposedException>(() => published.Version.Values);
    }

    [Fact]
    public void When_every_worker_was_refused_the_run_says_so()
    {
        var harness = new CoordinatorHarness(workerLimit: 1, expectedSelfTest: "recorded");
        harness.Start();
        harness.Join(0, selfTest: "other");
        harness.Tell(new Terminated(CoordinatorHarness.Worker(0), null));
        harness.Tell(new CheckpointWritten(0, null));
        Assert.Contains(
            "--allow-mixed", Assert.IsType<RnnLmException>(harness.End?.Failure).Message, StringComparison.Ordinal);
    }

    /// <summary>Tokens of the next step that come in the middle of one are no news of its workers.</summary>
    [Fact]
    public void The_next_steps_tokens_do_not_restart_the_clock_of_the_step_in_hand()
    {
        var harness = new CoordinatorHarness { Holds = name => name == "prepare step 2" };
        harness.Start();
        harness.Join(0);
        harness.Join(1);
        harness.AnswerAll(0, 0, 1);
        var timer = harness.Timers["late ranges"];
        harness.Wait(timer.After);
        harness.Tell(Assert.Single(harness.Held), TimeSpan.Zero);
        Assert.Same(timer, harness.Timers["late ranges"]);
        harness.Tell(timer.Message, TimeSpan.Zero);
        Assert.NotEmpty(harness.Events.OfType<RangesLate>());
    }

    /// <summary>Both are late, one comes back, the other hangs: the first computes what the other owes.</summary>
    [Fact]
    public void A_late_worker_that_answers_takes_over_from_one_that_is_still_late()
    {
        var harness = BothMeasured();
        var hanging = harness.Assignment(1, 1).Ranges;
        Assert.NotEmpty(hanging);
        var answered = harness.Assignment(0, 1).Ranges;
        harness.Wait(TimeSpan.FromMinutes(1));
        harness.Elapse("late ranges");
        Assert.Equal(2, harness.Events.OfType<RangesLate>().Count());
        harness.Tell(harness.Answer(0, 1, answered[0]));
        harness.AnswerAll(1, 0);
        Assert.Equal(2, harness.Events.OfType<StepCommitted>().Count());
    }

    /// <summary>Nobody's speed is known in the first step until one is done: then the other can be late.</summary>
    [Fact]
    public void The_first_measurement_starts_the_clock_of_the_others()
    {
        var harness = new CoordinatorHarness(totalSteps: 6) { Holds = name => name == "prepare step 0" };
        harness.Start();
        harness.Join(0);
        harness.Join(1);
        harness.Tell(Assert.Single(harness.Held));
        var hanging = harness.Assignment(1, 0).Ranges;
        Assert.NotEmpty(hanging);
        harness.AnswerAll(0, 0);
        harness.Elapse("late ranges");
        harness.AnswerAll(0, 0);
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    [Fact]
    public void A_newcomer_helps_a_worker_that_was_alone_and_is_slow()
    {
        var harness = new CoordinatorHarness(totalSteps: 6);
        harness.Start();
        harness.Join(0);
        harness.AnswerAll(0, 0);
        harness.Join(1);
        harness.Elapse("late ranges");
        Assert.Equal(
            CoordinatorHarness.Shards, harness.Assignment(1, 1).Ranges.Sum(range => range.Range.Length));
    }

    [Fact]
    public void A_worker_that_was_late_many_times_is_tried_again()
    {
        var harness = BothMeasured(totalSteps: 100);
        for (long step = 1; step < 60; step++)
        {
            var owed = harness.Assignment(1, step).Ranges;
            harness.AnswerAll(step, 0);
            if (harness.Events.OfType<StepCommitted>().Last().Step < step)
            {
                harness.Elapse("late ranges");
                harness.AnswerAll(step, 0);
                harness.Tell(harness.Answer(1, step, owed[0]));
            }
        }

        Assert.InRange(harness.Events.OfType<RangesLate>().Count(), 10, 60);
    }

    /// <summary>Neither an evaluation of an hour nor a stall says how long a worker may be silent.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Patience_grows_neither_by_an_evaluation_nor_by_a_stall(bool isEvaluation)
    {
        ShardTokens[] pieces = [new([0, 1, 2], [0, 3])];
        var harness = new CoordinatorHarness(
            totalSteps: 9, evaluateEvery: isEvaluation ? 1 : 0, validation: isEvaluation ? pieces : []);
        harness.Start();
        harness.Join(0);
        harness.AnswerAll(0, 0);
        if (isEvaluation)
        {
            harness.AnswerAll(1, 0);
            harness.Wait(TimeSpan.FromHours(1));
            harness.Tell(
                new EvaluationResult(CoordinatorHarness.Incarnation, CoordinatorHarness.Worker(0), 1, 0, 1, 2));
        }
        else
        {
            ElapseSilence(harness, happened => happened is ResultsOverdue);
            harness.AnswerAll(1, 0);
        }

        Assert.Equal(2, harness.Events.OfType<StepCommitted>().Count());
        harness.Events.Clear();
        ElapseSilence(harness, happened => happened is ResultsOverdue);
        Assert.InRange(harness.Events.OfType<ResultsOverdue>().Single().Silence.TotalSeconds, 30, 60);
    }

    private static CoordinatorHarness BothMeasured(long totalSteps = 6)
    {
        var harness = new CoordinatorHarness(totalSteps) { Holds = name => name == "prepare step 0" };
        harness.Start();
        harness.Join(0);
        harness.Join(1);
        harness.Tell(Assert.Single(harness.Held));
        harness.AnswerAll(0, 0, 1);
        return harness;
    }

    private static CoordinatorHarness WithTwoMeasuredWorkers(long totalSteps = 6)
    {
        var harness = new CoordinatorHarness(totalSteps);
        harness.Start();
        harness.Join(0);
        harness.Join(1);
        harness.AnswerAll(0, 0, 1);
        return harness;
    }

    private static void ElapseSilence(CoordinatorHarness harness, Predicate<TrainingEvent> until)
    {
        for (int check = 0; check < 200 && !harness.Events.Exists(until); check++)
        {
            harness.Elapse("silence");
        }

        Assert.Contains(harness.Events, until);
    }

    /// <summary>The same, while another worker goes on and does what the silent one leaves undone.</summary>
    private static void ElapseSilence(
        CoordinatorHarness harness, int working, ref long step, Predicate<TrainingEvent> until)
    {
        for (int check = 0; check < 200 && !harness.Events.Exists(until); check++)
        {
            harness.AnswerAll(step, working);
            if (harness.Timers.ContainsKey("late ranges"))
            {
                harness.Elapse("late ranges");
                harness.AnswerAll(step, working);
            }

            step = harness.Events.OfType<StepCommitted>().Last().Step + 1;
            harness.Elapse("silence");
        }

        Assert.Contains(harness.Events, until);
    }
}
