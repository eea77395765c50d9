namespace RnnLm.Cluster.Tests;

public sealed class Workers_that_are_killed : IDisposable
{
    private const int Processes = 2;
    private const int Kills = 3;

    private readonly EndlessRun _run = new(8, "--processes", $"{Processes}");

    [Fact]
    public void Are_started_again_and_change_no_bit()
    {
        var random = new Random(1);
        using var training = Start();
        for (int kill = 0; kill < Kills; kill++)
        {
            training.WaitForSteps(random.Next(1, 40));
            string name = ActorId.Worker(random.Next(Processes)).Name;
            WorkerProcess.Find(_run.Directory, name).Signal("KILL");
            training.WaitForEvent("worker_lost", name);
            training.WaitForEvent("worker_joined", name);
        }

        RequireSame(training, Kills);
    }

    [Fact]
    public void All_at_once_are_waited_for()
    {
        using var training = Start();
        foreach (var worker in WorkerProcess.AllIn(_run.Directory))
        {
            worker.Signal("KILL");
        }

        training.WaitForEvent("waiting_for_workers");
        training.WaitForEvent("worker_joined");
        training.WaitForEvent("worker_joined");
        training.WaitForSteps(20);
        RequireSame(training, Processes);
    }

    [Fact]
    public void Are_given_up_when_they_may_not_be_started_again()
    {
        using var run = new EndlessRun(8, "--processes", "1", "--max-restarts", "1");
        using var training = run.Start(checkpointEvery: 0);
        foreach (int _ in new[] { 1, 2 })
        {
            training.WaitForEvent("worker_joined");
            training.WaitForSteps(5);
            Assert.Single(WorkerProcess.AllIn(run.Directory)).Signal("KILL");
        }

        var result = training.WaitForEnd().Refused(
            4, "no worker is left at step", "worker process 0 was ended by signal 9", "resume");
        Assert.Contains("and is given up", result.Output, StringComparison.Ordinal);
        Assert.Equal(run.Files.FinalStep, result.Objects.Max(TrainingObjects.Step) + 1);
        WorkerProcess.WaitForNoneIn(run.Directory);
        run.RequireSameAsUndisturbed();
    }

    public void Dispose()
    {
        WorkerProcess.KillAllIn(_run.Directory);
        _run.Dispose();
    }

    private RnnLmProcess Start()
    {
        var training = _run.Start(checkpointEvery: 0);
        for (int index = 0; index < Processes; index++)
        {
            training.WaitForEvent("worker_joined");
        }

        return training;
    }

    private void RequireSame(RnnLmProcess training, int kills)
    {
        training.Signal("TERM");
        var result = training.WaitForEnd().Refused(143, "--resume");
        Assert.Equal(
            kills,
            result.Lines.Count(line => line.Contains("was ended by signal 9; it is started again", default)));
        WorkerProcess.WaitForNoneIn(_run.Directory);
        _run.RequireSameAsUndisturbed();
    }
}
