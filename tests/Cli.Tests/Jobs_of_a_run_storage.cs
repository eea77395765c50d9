using System.Text.Json;

namespace RnnLm.Cli.Tests;

/// <summary>What users do with jobs, while no coordinator is there.</summary>
public sealed class Jobs_of_a_run_storage : IDisposable
{
    private const string JobFile = """
        {
          "preset": "char", "corpus": ["corpus.txt"], "total_steps": 4,
          "job": { "model": { "dimension": 8, "layers": 1 }, "plan": { "held_out_per_mille": 0 } }
        }
        """;

    private readonly TemporaryDirectory _directory = new();

    public Jobs_of_a_run_storage()
    {
        _directory.Write("corpus.txt", SmallText.Sentences(60));
        _directory.Write("small.json", JobFile);
        Directory.CreateDirectory(Path.Combine(_directory.Root, "storage"));
        Rnnlm("submit", "small.json").Succeeded();
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_job_that_was_submitted_is_there_with_step_0_and_reads_nothing_else()
    {
        File.Delete(Path.Combine(_directory.Root, "corpus.txt"));
        var job = Assert.Single(Jobs());
        Assert.Equal(
            ("small", "unfinished", 0, 4),
            (Text(job, "job"), Text(job, "state"), job.GetProperty("step").GetInt32(),
                job.GetProperty("total_steps").GetInt32()));
        Assert.Single(Directory.GetFiles(Path.Combine(_directory.Root, "storage", "tokens")));
        var fetched = Rnnlm("fetch", "small", "--to", "copy", "--json").Succeeded();
        Assert.Equal("small", Text(JsonElement.Parse(Assert.Single(fetched.Lines)), "job"));
        string checkpoints = Path.Combine(_directory.Root, "copy", "checkpoints");
        string checkpoint = Assert.Single(Directory.GetDirectories(checkpoints));
        Assert.Contains("step-00000000", checkpoint, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_is_taken_once()
    {
        var result = Rnnlm("submit", "small.json");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("there is a job 'small' already; give another --name", result.Error, StringComparison.Ordinal);
        Rnnlm("submit", "small.json", "--name", "again").Succeeded();
        Assert.Equal(["again", "small"], Jobs().Select(job => Text(job, "job")));
        Assert.Single(Directory.GetFiles(Path.Combine(_directory.Root, "storage", "tokens")));
    }

    [Fact]
    public void One_job_is_cancelled_and_all_are_drained_until_that_is_undone()
    {
        Rnnlm("submit", "small.json", "--name", "other").Succeeded();
        var cancelled = Rnnlm("cancel", "other", "--json").Succeeded();
        Assert.Equal("cancelled", Text(JsonElement.Parse(Assert.Single(cancelled.Lines)), "state"));
        Assert.Equal(["cancelled", "unfinished"], States());
        Assert.Equal(2, Rnnlm("drain").Succeeded().Lines.Count);
        Assert.Equal(["cancelled", "drained"], States());
        Rnnlm("drain", "--undo").Succeeded();
        Assert.Equal(["cancelled", "unfinished"], States());
    }

    [Theory]
    [InlineData("cancel", "none")]
    [InlineData("logs", "none")]
    [InlineData("cancel", "..")]
    public void A_job_that_is_not_there_is_named(string command, string job)
    {
        var result = Rnnlm(command, job);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains($"there is no job '{job}'", result.Error, StringComparison.Ordinal);
    }

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();

    private ProcessResult Rnnlm(params string[] arguments) =>
        RnnLmProcess.Run(_directory, [.. arguments, "--storage", "storage"]);

    private IEnumerable<string?> States() => Jobs().Select(job => Text(job, "state"));

    private JsonElement[] Jobs() =>
        [.. Rnnlm("jobs", "--json").Succeeded().Lines.Select(line => JsonElement.Parse(line))];
}
