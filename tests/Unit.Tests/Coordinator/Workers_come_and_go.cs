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
        Assert.Contains(harness.Events, happened => happened is WorkerRefused { SelfTestHash: "other", ExpectedHash: "one" });
        harness.AnswerAll(0, 0);
        Assert.Single(harness.Events.OfType<StepCommitted>());
    }

    [Fact]
    public void Overdue_results_are_asked_for_again_and_the_first_to_come_counts()
    {
        var harness = new CoordinatorHarness();
        harness.Start();
        harness.Join(0);
        harness.Join(1);
        harness.AnswerAll(0, 0);
        var slow = harness.Assignment(1, 1).Ranges;
        Assert.NotEmpty(slow);
        harness.AnswerAll(1, 0);
        Assert.Single(harness.Events.OfType<StepCommitted>());
        harness.Tell(harness.Timers["step deadline"].Message);
        Assert.Contains(harness.Events, happened => happened is ResultsOverdue { Workers: 1 });
        Assert.NotEmpty(harness.Assignment(0, 1).Ranges);
        harness.AnswerAll(1, 0, 1);
        Assert.Equal(2, harness.Events.OfType<StepCommitted>().Count());
        harness.Tell(harness.Answer(1, 1, slow[0]));
        Assert.Equal(1, harness.Coordinator.Dropped["wrong version"]);
    }

    [Fact]
    public void Lost_parameters_are_sent_again_with_the_overdue_ranges()
    {
        var harness = new CoordinatorHarness();
        harness.Start();
        harness.Join(0);
        int published = harness.Sent[CoordinatorHarness.Worker(0)].OfType<Publish>().Count();
        harness.Tell(harness.Timers["step deadline"].Message);
        Assert.Equal(published + 1, harness.Sent[CoordinatorHarness.Worker(0)].OfType<Publish>().Count());
    }

    [Fact]
    public void When_every_worker_was_refused_the_run_says_so()
    {
        var harness = new CoordinatorHarness(workerLimit: 1, expectedSelfTest: "recorded");
        harness.Start();
        harness.Join(0, selfTest: "other");
        harness.Tell(new Terminated(CoordinatorHarness.Worker(0), null));
        harness.Tell(new CheckpointWritten(0, null));
        Assert.Contains("--allow-mixed", Assert.IsType<RnnLmException>(harness.End?.Failure).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_worker_is_asked_again_with_a_higher_attempt()
    {
        var harness = new CoordinatorHarness();
        harness.Start();
        harness.Join(0);
        Assert.All(harness.Assignment(0, 0).Ranges, range => Assert.Equal(1, range.Attempt));
        harness.Tell(harness.Timers["step deadline"].Message);
        Assert.All(harness.Assignment(0, 0).Ranges, range => Assert.Equal(2, range.Attempt));
    }
}
