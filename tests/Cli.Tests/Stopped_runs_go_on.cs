using System.Text.Json.Nodes;

namespace RnnLm.Cli.Tests;

public sealed class Stopped_runs_go_on : IDisposable
{
    private readonly EndlessRun _run = new();

    [Fact]
    public void To_the_same_bytes_as_one_that_was_never_stopped()
    {
        using (var first = _run.Start(checkpointEvery: 0, steps: 10))
        {
            first.WaitForEnd().Succeeded();
        }

        Assert.Equal(10, _run.Files.FinalStep);
        _run.RequireSameAsUndisturbed(20);
    }

    /// <summary>Of a setting that it does not record, a run has the default.</summary>
    [Fact]
    public void That_are_older_than_a_setting()
    {
        using (var first = _run.Start(checkpointEvery: 0, steps: 3))
        {
            first.WaitForEnd().Succeeded();
        }

        string path = Path.Combine(_run.Directory.Root, "run", "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        Assert.True(config.Remove("verify_every") && config.Remove("on_mismatch"));
        File.WriteAllText(path, config.ToJsonString());
        _run.RequireSameAsUndisturbed(6);
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public void After_a_signal_saved_the_last_committed_version(string signal, int exitCode)
    {
        using (var first = _run.Start(checkpointEvery: 0))
        {
            first.WaitForStep(5);
            first.Signal(signal);
            var result = first.WaitForEnd().Refused(exitCode, "--resume");
            Assert.Equal(_run.Files.FinalStep, result.Objects.Max(TrainingObjects.Step) + 1);
        }

        Assert.InRange(_run.Files.FinalStep, 6, long.MaxValue);
        _run.RequireSameAsUndisturbed(_run.Files.FinalStep + 10);
    }

    /// <summary>A pipe is full after 64 KiB; what is shown and what is in the metrics are about as long.</summary>
    [Fact]
    public void Although_nobody_reads_what_is_printed()
    {
        using var first = _run.Start(checkpointEvery: 0);
        first.WaitForStep(0);
        var metrics = new FileInfo(Path.Combine(_run.Directory.Root, "run", "metrics.1.jsonl"));
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                metrics.Refresh();
                return metrics.Exists && metrics.Length > 1 << 19;
            },
            TimeSpan.FromMinutes(5)));
        first.Signal("TERM");
        Assert.Equal(143, first.WaitForEndUnread());
    }

    [Fact]
    public void Not_while_the_first_process_lives()
    {
        using var first = _run.Start(checkpointEvery: 0);
        first.WaitForStep(0);
        using (var second = _run.Resume())
        using (var anew = _run.Start(checkpointEvery: 0))
        {
            second.WaitForEnd().Refused(4, "is in use by", "or stop it");
            anew.WaitForEnd().Refused(4, "is in use by", "or stop it");
        }

        first.Signal("TERM");
        Assert.Equal(143, first.WaitForEnd().ExitCode);
    }

    public void Dispose() => _run.Dispose();
}
