namespace RnnLm.Tests;

public sealed class What_counts_and_what_is_dropped
{
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
}
