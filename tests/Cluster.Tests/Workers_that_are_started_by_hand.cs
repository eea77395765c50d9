namespace RnnLm.Cluster.Tests;

public sealed class Workers_that_are_started_by_hand : IDisposable
{
    private readonly EndlessRun _run = new(8, "--processes", "1");

    [Fact]
    public void Work_for_a_run_and_wait_for_another_when_it_has_ended()
    {
        const string Name = "by-hand";
        using var training = _run.Start(checkpointEvery: 0);
        training.WaitForEvent("worker_joined");
        var started = Assert.Single(WorkerProcess.AllIn(_run.Directory));
        string seed = started.Option("--seed-node")!;
        using var worker = RnnLmProcess.Start(
            _run.Directory,
            "worker",
            "--seed-node", seed,
            "--certificates", started.Option("--certificates")!,
            "--name", Name);
        training.WaitForEvent("worker_joined", Name);
        training.WaitForSteps(50);
        training.Signal("TERM");
        training.WaitForEnd().Refused(143, "--resume");
        _run.RequireSameAsUndisturbed();

        // It is dismissed, and the connection ends: whichever it hears of first.
        worker.WaitForLine("and looks for work");
        Assert.Equal(Name, Assert.Single(WorkerProcess.AllIn(_run.Directory)).Name);
        worker.Signal("TERM");
        worker.WaitForEnd().Succeeded();
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("HUP")]
    public void Wait_for_somebody_who_is_not_there_until_they_are_told_to_end(string signal)
    {
        using var worker = RnnLmProcess.Start(_run.Directory, "worker", "--seed-node", "127.0.0.1:1");
        worker.WaitForLine("looks for work at 127.0.0.1:1");
        worker.Signal(signal);
        worker.WaitForEnd().Succeeded();
    }

    [Fact]
    public void End_when_they_have_had_no_work_for_as_long_as_they_are_told()
    {
        var end = RnnLmProcess.Run(
            _run.Directory, "worker", "--seed-node", "127.0.0.1:1", "--name", "idle", "--stop-when-idle", "0.5")
            .Succeeded();
        Assert.Contains("idle has had no work for 0.5 s and ends", end.Output, StringComparison.Ordinal);
    }

    /// <summary>Whoever begins again what has failed, and not what is done, can tell.</summary>
    [Fact]
    public void That_shall_end_when_idle_end_otherwise_when_they_are_told_to()
    {
        using var worker = RnnLmProcess.Start(
            _run.Directory, "worker", "--seed-node", "127.0.0.1:1", "--stop-when-idle", "1000");
        worker.WaitForLine("looks for work at 127.0.0.1:1");
        worker.Signal("TERM");
        Assert.Equal((int)ExitCode.Terminated, worker.WaitForEnd().ExitCode);
    }

    public void Dispose()
    {
        WorkerProcess.KillAllIn(_run.Directory);
        _run.Dispose();
    }
}
