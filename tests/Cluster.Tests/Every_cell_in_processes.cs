namespace RnnLm.Cluster.Tests;

/// <summary>Three worker processes, one of which is killed on the way, against one process that nothing
/// disturbs.</summary>
public sealed class Every_cell_in_processes
{
    [Theory]
    [InlineData("elman", true)]
    [InlineData("rnn", false)]
    [InlineData("rnn-relu", true)]
    [InlineData("lstm", true)]
    [InlineData("lstm", false)]
    [InlineData("gru", true)]
    [InlineData("jordan-hidden", true)]
    [InlineData("jordan-output", false)]
    [InlineData("mingru", true)]
    [InlineData("minlstm", false)]
    [InlineData("xlstm", true)]
    public void Has_the_same_bits_with_dropout_and_carried_states(string cell, bool isCarried)
    {
        using var run = new EndlessRun(8, "--processes", "3")
        {
            Recipe =
            [
                "--schedule", "constant", "--cell", cell, "--embedding", "12", "--dropout", "0.2",
                .. isCarried ? new[] { "--bptt", "12" } : [],
            ],
        };
        try
        {
            using var training = run.Start(checkpointEvery: 0);
            for (int index = 0; index < 3; index++)
            {
                training.WaitForEvent("worker_joined");
            }

            training.WaitForSteps(10);
            string name = ActorId.Worker(1).Name;
            WorkerProcess.Find(run.Directory, name).Signal("KILL");
            training.WaitForEvent("worker_lost", name);
            training.WaitForSteps(10);
            training.Signal("TERM");
            training.WaitForEnd().Refused(143, "--resume");
            WorkerProcess.WaitForNoneIn(run.Directory);
            run.RequireSameAsUndisturbed();
        }
        finally
        {
            WorkerProcess.KillAllIn(run.Directory);
        }
    }
}
