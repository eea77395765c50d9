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

    public void Dispose()
    {
        WorkerProcess.KillAllIn(_run.Directory);
        _run.Dispose();
    }
}
