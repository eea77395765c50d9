namespace RnnLm.Cli.Tests;

public sealed class Killed_runs_go_on : IDisposable
{
    private const int Kills = 3;

    private EndlessRun _run = new();

    [Fact]
    public void To_the_same_bytes_as_one_that_was_never_killed() => KillAndGoOn();

    /// <summary>Kills come before evaluations that were due, within them, and behind them.</summary>
    [Fact]
    public void Also_when_evaluations_decide_the_learning_rate()
    {
        _run.Dispose();
        _run = new EndlessRun
        {
            Recipe =
            [
                "--optimizer", "sgd", "--momentum", "0.5", "--weight-decay", "0.0001", "--init-uniform", "0.1",
                "--lr", "2", "--schedule", "plateau", "--decay", "0.9", "--evaluate-every", "2",
            ],
        };
        KillAndGoOn();
        double[] rates = [.. _run.Files.Steps.Select(step => step.GetProperty("learning_rate").GetDouble())];
        Assert.Equal(2, rates[0]);
        Assert.InRange(rates.Distinct().Count(), 3, rates.Length / 2);
    }

    public void Dispose() => _run.Dispose();

    private void KillAndGoOn()
    {
        var random = new Random(1);
        for (int kill = 0; kill < Kills; kill++)
        {
            long begun = kill == 0 ? 0 : _run.Files.FinalStep;
            using var process = kill == 0 ? _run.Start(checkpointEvery: 3) : _run.Resume();
            if (kill == 0)
            {
                // A kill before version 0 is saved leaves nothing to go on with.
                process.WaitForEvent("checkpoint_saved");
            }

            process.WaitForStep(begun + random.Next(4, 40));
            process.Signal("KILL");
            Assert.Equal(128 + 9, process.WaitForEnd().ExitCode);
        }

        _run.RequireSameAsUndisturbed(_run.Files.FinalStep + 10);
        Assert.DoesNotContain(
            _run.Directory.Everything,
            name => Path.GetFileName(name).StartsWith('.') || name.Contains(".tmp", StringComparison.Ordinal));
    }
}
