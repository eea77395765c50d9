namespace RnnLm.Cli.Tests;

public sealed class Killed_runs_go_on
{
    private const int Kills = 3;

    [Fact]
    public void To_the_same_bytes_as_one_that_was_never_killed()
    {
        using var run = new EndlessRun();
        KillAndGoOn(run);
    }

    /// <summary>Kills come before evaluations that were due, within them, and behind them.</summary>
    [Fact]
    public void Also_when_evaluations_decide_the_learning_rate()
    {
        using var run = new EndlessRun
        {
            Recipe =
            [
                "--optimizer", "sgd", "--momentum", "0.5", "--weight-decay", "0.0001", "--init-uniform", "0.1",
                "--lr", "20", "--schedule", "plateau", "--decay", "0.9", "--evaluate-every", "2",
            ],
        };
        KillAndGoOn(run);
        double[] rates = [.. run.Files.Steps.Select(step => step.GetProperty("learning_rate").GetDouble())];
        Assert.Equal(20, rates[0]);
        Assert.InRange(rates.Distinct().Count(), 3, rates.Length / 2);
    }

    /// <summary>States are carried through the text, values dropped, and one matrix is first and last.</summary>
    [Fact]
    public void Also_when_each_step_goes_on_from_the_one_before()
    {
        using var run = new EndlessRun
        {
            Recipe = ["--schedule", "constant", "--bptt", "12", "--cell", "lstm", "--dropout", "0.2", "--tie"],
        };
        KillAndGoOn(run);
    }

    private static void KillAndGoOn(EndlessRun run)
    {
        var random = new Random(1);
        for (int kill = 0; kill < Kills; kill++)
        {
            using var process = kill == 0 ? run.Start(checkpointEvery: 3) : run.Resume();

            // A kill before version 0 is saved leaves nothing to go on with, and one before another is no progress.
            process.WaitForEvent("checkpoint_saved");
            process.WaitForEvent("checkpoint_saved");
            process.WaitForSteps(random.Next(4, 40));
            process.Signal("KILL");
            Assert.Equal(128 + 9, process.WaitForEnd().ExitCode);
        }

        run.RequireSameAsUndisturbed(run.Files.FinalStep + 10);
        Assert.DoesNotContain(
            run.Directory.Everything,
            name => Path.GetFileName(name).StartsWith('.') || name.Contains(".tmp", StringComparison.Ordinal));
    }
}
