namespace RnnLm.Cluster.Tests;

public sealed class Workers_that_stand_still : IDisposable
{
    /// <summary>
    /// What is read may have been written before: a pipe holds 64 KiB, a quarter of so many steps. The rest is new.
    /// </summary>
    private const int MoreThanAPipeHolds = 1000;

    private readonly EndlessRun _run = new(8, "--processes", "2");

    /// <summary>First for a moment, then until it is given up: then it comes again as a new member.</summary>
    [Fact]
    public void Are_not_waited_for_and_come_back()
    {
        using var training = _run.Start(checkpointEvery: 0);
        training.WaitForEvent("worker_joined");
        training.WaitForEvent("worker_joined");
        string name = ActorId.Worker(1).Name;
        var worker = WorkerProcess.Find(_run.Directory, name);

        worker.Signal("STOP");
        training.WaitForSteps(MoreThanAPipeHolds);
        Assert.True(worker.IsStopped);
        worker.Signal("CONT");
        training.WaitForSteps(MoreThanAPipeHolds);

        worker.Signal("STOP");
        training.WaitForEvent("worker_lost", name);
        training.WaitForSteps(MoreThanAPipeHolds);
        Assert.True(worker.IsStopped);
        worker.Signal("CONT");
        training.WaitForEvent("worker_joined", name);
        training.WaitForSteps(20);

        training.Signal("TERM");
        var result = training.WaitForEnd().Refused(143, "--resume");
        Assert.DoesNotContain("started again", result.Output, StringComparison.Ordinal);
        WorkerProcess.WaitForNoneIn(_run.Directory);
        _run.RequireSameAsUndisturbed();
    }

    /// <summary>It cannot hear that it is to end, and is killed.</summary>
    [Fact]
    public void Do_not_keep_a_run_from_its_end()
    {
        using var training = _run.Start(checkpointEvery: 0, steps: 3000);
        training.WaitForEvent("worker_joined");
        training.WaitForEvent("worker_joined");
        WorkerProcess.Find(_run.Directory, ActorId.Worker(1).Name).Signal("STOP");
        training.WaitForEnd().Succeeded();
        Assert.Empty(WorkerProcess.AllIn(_run.Directory));
        _run.RequireSameAsUndisturbed();
    }

    public void Dispose()
    {
        WorkerProcess.KillAllIn(_run.Directory);
        _run.Dispose();
    }
}
