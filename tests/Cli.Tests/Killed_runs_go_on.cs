namespace RnnLm.Cli.Tests;

public sealed class Killed_runs_go_on : IDisposable
{
    private const int Kills = 3;

    private readonly EndlessRun _run = new();

    [Fact]
    public void To_the_same_bytes_as_one_that_was_never_killed()
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

    public void Dispose() => _run.Dispose();
}
