namespace RnnLm.Tests;

/// <summary>
/// Each test goes through every file-system operation of an action and lets the process die, or the operation fail,
/// just there.
/// </summary>
public sealed class CheckpointCrashTests
{
    [Fact]
    public void A_writer_killed_at_any_operation_leaves_the_old_checkpoints_or_the_new_one_whole()
    {
        int kills = KillAtEach(
            run => run.Store.Save(TestRun.Snapshot(0, 5)),
            run => run.Store.Save(TestRun.Snapshot(100, 4)),
            run =>
            {
                CheckpointSearch search = run.Store.FindNewest();
                Assert.Empty(search.Damaged);
                Assert.Contains(search.Newest!.State.Step, new long[] { 0, 100 });
                Assert.Equal(100 * search.Newest.State.Step, TestRun.Weights(search.Newest)[0]);
                string expected = $"checkpoints/step-{search.Newest.State.Step:D8}.2";
                Assert.Equal((expected, expected), (run.LinkTarget("final"), run.LinkTarget("best")));
            });

        Assert.InRange(kills, 20, 100);
    }

    [Fact]
    public void A_writer_killed_while_it_replaces_a_checkpoint_leaves_one_of_the_two_whole()
    {
        KillAtEach(
            run => run.Store.Save(TestRun.Snapshot(100, 5, variant: 1)),
            run => run.Store.Save(TestRun.Snapshot(100, 4, variant: 2)),
            run =>
            {
                CheckpointSearch search = run.Store.FindNewest();
                Assert.Empty(search.Damaged);
                Assert.Contains(TestRun.Weights(search.Newest!)[0], new[] { 10_001f, 10_002f });
            });
    }

    [Fact]
    public void A_writer_killed_while_it_prunes_leaves_no_half_checkpoint()
    {
        KillAtEach(
            run =>
            {
                foreach (int step in Enumerable.Range(0, 5))
                {
                    run.Store.Save(TestRun.Snapshot(step));
                }
            },
            run => run.Store.Prune(new RetentionPolicy(1)),
            run =>
            {
                Assert.All(run.Store.Steps, step => Assert.Null(run.Run.Checkpoints.Check(step)!.Damage));
                Assert.Equal(4, run.Store.Steps[^1]);
            });
    }

    [Fact]
    public void An_operation_that_fails_gives_exit_code_6_removes_what_was_begun_and_the_next_attempt_succeeds()
    {
        int operation = 0;
        for (bool hasFailed = true; hasFailed; operation++)
        {
            using var run = new TestRun();
            run.Store.Save(TestRun.Snapshot(0));
            run.Files.FailOnce(operation);
            hasFailed = false;
            try
            {
                run.Store.Save(TestRun.Snapshot(100));
            }
            catch (RnnLmException failure)
            {
                hasFailed = true;
                Assert.Equal(ExitCode.Storage, failure.ExitCode);
                Assert.Contains(
                    run["checkpoints", "step-00000100.1"] + "': no space left on the device; free",
                    failure.Message,
                    StringComparison.Ordinal);
                Assert.Empty(run.Leftovers());
                Assert.Empty(run.Run.Checkpoints.FindNewest().Damaged);
            }

            run.Files.Heal();
            run.Store.Save(TestRun.Snapshot(100));
            Assert.Equal(100, run.Store.FindNewest().Newest!.State.Step);
            Assert.Equal("checkpoints/step-00000100.1", run.LinkTarget("final"));
            Assert.Empty(run.Leftovers());
        }

        Assert.InRange(operation, 20, 100);
    }

    [Fact]
    public void A_writer_killed_while_it_takes_a_run_over_loses_no_checkpoint()
    {
        int kills = KillAtEach(
            run =>
            {
                run.Store.Save(TestRun.Snapshot(0));
                run.Store.Save(TestRun.Snapshot(50, variant: 1));
                run.Store.Save(TestRun.Snapshot(50, variant: 2));
                run.Store.Save(TestRun.Snapshot(100));
            },
            run => run.TakeOver(),
            run =>
            {
                Assert.Equal([0L, 50, 100], run.Store.Steps);
                Assert.All(run.Store.Steps, step => Assert.Null(run.Run.Checkpoints.Check(step)!.Damage));
                Assert.Equal(5002f, TestRun.Weights(run.Run.Checkpoints.Check(50)!.Checkpoint!)[0]);
                run.Store.Prune(new RetentionPolicy(3));
                Assert.Equal(3, Directory.GetDirectories(run["checkpoints"]).Length);
            });

        Assert.InRange(kills, 15, 60);
    }

    /// <summary>
    /// Prepares, lets the action die at operation 0, 1, 2 … until it comes to its end, reopens the run each time and
    /// checks it.
    /// </summary>
    /// <returns>How many operations the action has.</returns>
    private static int KillAtEach(Action<TestRun> prepare, Action<TestRun> action, Action<TestRun> check)
    {
        for (int operation = 0; ; operation++)
        {
            using var run = new TestRun();
            prepare(run);
            run.Files.DieAt(operation);
            bool isThrough = true;
            try
            {
                action(run);
            }
            catch (RnnLmException failure)
            {
                Assert.Equal(ExitCode.Storage, failure.ExitCode);
                isThrough = false;
            }

            // An action may come to its end although clearing up failed.
            isThrough &= !run.Files.HasFailed;
            run.Reopen();
            Assert.Empty(run.Leftovers());
            check(run);
            if (isThrough)
            {
                return operation;
            }
        }
    }
}
