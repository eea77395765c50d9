namespace RnnLm.Cluster.Tests;

public sealed class Workers_end_with_their_run : IDisposable
{
    private readonly EndlessRun _run = new(8, "--processes", "2");

    /// <summary>Nobody can tell them: their standard input ends.</summary>
    [Fact]
    public void That_is_killed_and_goes_on_with_others_to_the_same_bits()
    {
        using (var first = _run.Start(checkpointEvery: 3))
        {
            first.WaitForEvent("worker_joined");
            first.WaitForEvent("worker_joined");
            first.WaitForEvent("checkpoint_saved");
            first.WaitForSteps(10);
            first.Signal("KILL");
            Assert.Equal(128 + 9, first.WaitForEnd().ExitCode);
        }

        WorkerProcess.WaitForNoneIn(_run.Directory);
        using var second = _run.Resume();
        second.WaitForEvent("worker_joined");
        second.WaitForSteps(10);
        second.Signal("TERM");
        second.WaitForEnd().Refused(143, "--resume");
        Assert.Empty(WorkerProcess.AllIn(_run.Directory));
        _run.RequireSameAsUndisturbed();
    }

    /// <summary>A terminal sends SIGINT and SIGHUP to the workers, too, before the run is saved.</summary>
    [Theory]
    [InlineData("INT", 130)]
    [InlineData("HUP", 129)]
    public void That_is_ended_by_the_terminal(string signal, int exitCode)
    {
        using var training = _run.Start(checkpointEvery: 0);
        training.WaitForEvent("worker_joined");
        training.WaitForEvent("worker_joined");
        foreach (var worker in WorkerProcess.AllIn(_run.Directory))
        {
            worker.Signal(signal);
            worker.Signal(signal);
        }

        training.WaitForSteps(20);
        training.Signal(signal);
        var result = training.WaitForEnd().Refused(exitCode, "--resume");
        Assert.DoesNotContain(result.Objects, line => line.IsEvent("worker_lost"));
        Assert.DoesNotContain("started again", result.Output, StringComparison.Ordinal);
        Assert.Empty(WorkerProcess.AllIn(_run.Directory));
    }

    public void Dispose()
    {
        WorkerProcess.KillAllIn(_run.Directory);
        _run.Dispose();
    }
}
