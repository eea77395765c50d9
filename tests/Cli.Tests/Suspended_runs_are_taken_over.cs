namespace RnnLm.Cli.Tests;

/// <summary>
/// As on a file system that does not share locks, where a machine that seemed dead comes back while another has its
/// run.
/// </summary>
public sealed class Suspended_runs_are_taken_over : IDisposable
{
    private const int Rounds = 8;

    private readonly EndlessRun _run = new();

    [Fact]
    public void And_the_one_that_comes_back_ends_and_changes_nothing()
    {
        var random = new Random(1);
        for (int round = 0; round < Rounds; round++)
        {
            using var first = round == 0 ? _run.Start(checkpointEvery: 1) : _run.Resume();
            for (int saved = random.Next(1, 6); saved > 0; saved--)
            {
                first.WaitForEvent("checkpoint_saved");
            }

            first.Signal("STOP");
            File.Delete(Path.Combine(_run.Directory.Root, "run", "lease.lock"));
            using var second = _run.Resume(_run.Files.FinalStep + 40);
            second.WaitForEvent("checkpoint_saved");
            first.Signal("CONT");

            first.WaitForEnd().Refused(4, "was taken over by process", "let the other one go on");
            second.WaitForEnd().Succeeded();
        }

        _run.RequireSameAsUndisturbed(_run.Files.FinalStep + 10);
        RnnLmProcess.Run(_run.Directory, "inspect", "run", "--plan").Succeeded();
        Assert.DoesNotContain(
            _run.Directory.Everything, name => Path.GetFileName(name).StartsWith('.'));
    }

    public void Dispose() => _run.Dispose();
}
