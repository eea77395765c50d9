using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

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

    [Fact]
    public void A_name_is_looked_for_before_anything_is_tokenized()
    {
        File.Delete(In("corpus.txt"));
        Rnnlm("submit", "small.json").Refused(3, "there is a job 'small' already");
    }

    [Fact]
    public void A_submission_that_broke_off_is_no_job_and_is_followed_by_another()
    {
        BreakOff();
        var job = Assert.Single(Jobs());
        Assert.Equal("incomplete", Text(job, "state"));
        Assert.Contains("its submission has not ended", Text(job, "reason"), StringComparison.Ordinal);
        Rnnlm("cancel", "small").Refused(3, "its submission has not ended");
        _directory.Write("corpus.txt", "Other characters: éàü 0123456789.\n" + SmallText.Sentences(30));
        Rnnlm("submit", "small.json").Succeeded();
        Assert.Equal(["unfinished"], States());
        Rnnlm("fetch", "small", "--to", "copy").Succeeded();
        RnnLmProcess.Run(_directory, "inspect", "copy").Succeeded();
    }

    [Fact]
    public void A_job_that_another_submits_at_that_moment_is_its_own()
    {
        BreakOff();
        using (var other = new FileStream(
            In("storage/runs/small/lease.lock"), FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            Rnnlm("submit", "small.json").Refused(3, "job 'small' is being submitted by another process", "--name");
        }
    }

    [Fact]
    public void What_is_no_job_in_the_storage_is_passed_over()
    {
        Directory.CreateDirectory(In("storage/runs/lost+found"));
        Directory.CreateDirectory(In("storage/runs/.snapshot"));
        Assert.Equal(["small"], Jobs().Select(job => Text(job, "job")));
    }

    [Fact]
    public void A_storage_that_cannot_be_listed_is_said()
    {
        Directory.Move(In("storage/runs"), In("away"));
        _directory.Write("storage/runs", string.Empty);
        Rnnlm("jobs").Refused(6, $"cannot read '{In("storage/runs")}'");
    }

    [Fact]
    public void A_job_that_was_cancelled_or_has_failed_is_let_go_on()
    {
        Rnnlm("cancel", "small").Succeeded();
        var resumed = Rnnlm("resume", "small", "--json").Succeeded();
        Assert.Equal("unfinished", Text(Assert.Single(resumed.Objects), "state"));

        string config = In("storage/runs/small/config.1.json");
        var json = JsonNode.Parse(File.ReadAllText(config))!;
        json["end"] = new JsonObject { ["exit_code"] = 3, ["reason"] = "planted" };
        File.WriteAllText(config, json.ToJsonString());
        Assert.Contains(
            "failed     step 0/4  planted; when the cause is mended, rnnlm resume small lets it go on",
            Rnnlm("jobs").Succeeded().Output,
            StringComparison.Ordinal);
        Rnnlm("resume", "small").Succeeded();
        Assert.Equal(["unfinished"], States());
        Assert.Contains(
            "\"tokens\":", File.ReadAllText(In("storage/runs/small/config.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void What_follows_from_the_text_must_follow_from_the_text_that_is_there()
    {
        string recorded = File.ReadAllText(In("storage/runs/small/config.json"));
        _directory.Write("again.json", recorded);
        Rnnlm("submit", "again.json").Succeeded();
        _directory.Write("corpus.txt", "Other characters: éàü 0123456789.\n" + SmallText.Sentences(30));
        _directory.Write("other.json", recorded);
        Rnnlm("submit", "other.json").Refused(
            3, "job.corpus.hash, job.tokenizer.hash, job.model.vocabulary_size: ", "leave it out, or give the right");
        Assert.Equal(["again", "small"], Jobs().Select(job => Text(job, "job")));
    }

    /// <summary>It leaves out what is as usual, and the preset says otherwise.</summary>
    [Fact]
    public void The_configuration_of_a_run_asks_for_its_very_job()
    {
        string[] settings =
        [
            "train", "--corpus", "corpus.txt", "--preset", "shakespeare", "--cell", "elman", "--bptt", "0",
            "--dropout", "0", "--optimizer", "adamw", "--weight-decay", "0", "--dimension", "8", "--layers", "1",
            "--context", "12", "--steps", "0",
        ];
        RnnLmProcess.Run(_directory, [.. settings, "--run", "run"]).Succeeded();
        File.Copy(In("run/config.json"), In("copied.json"));
        Rnnlm("submit", "copied.json").Succeeded();
        static string HashIn(string path) =>
            JsonNode.Parse(File.ReadAllText(path))!["job_hash"]!.GetValue<string>();
        Assert.Equal(HashIn(In("run/config.json")), HashIn(In("storage/runs/copied/config.json")));
    }

    /// <summary>Of the preset's schedule nothing is left where another is chosen.</summary>
    [Fact]
    public void What_a_preset_says_of_a_choice_that_was_not_made_is_not_in_the_job()
    {
        RnnLmProcess.Run(
            _directory,
            "train", "--corpus", "corpus.txt", "--preset", "ptb-small", "--valid", "corpus.txt", "--schedule",
            "constant", "--dimension", "8", "--steps", "0", "--run", "run").Succeeded();
        string config = File.ReadAllText(In("run/config.json"));
        Assert.Null(JsonNode.Parse(config)!["job"]!["optimizer"]!["schedule"]!["decay"]);
        File.Copy(In("run/config.json"), In("copied.json"));
        Rnnlm("submit", "copied.json").Succeeded();
    }

    [Theory]
    [InlineData("7")]
    [InlineData("\"tpu\"")]
    [InlineData("{}")]
    public void Numerics_are_of_those_there_are(string numerics)
    {
        _directory.Write("numerics.json", JobFile.Replace(
            "\"job\": {", $"\"job\": {{ \"numerics\": {numerics},", StringComparison.Ordinal));
        Rnnlm("submit", "numerics.json").Refused(3, "numerics.json: job.numerics");
    }

    [Fact]
    public void What_is_no_setting_is_refused_with_those_there_are()
    {
        _directory.Write("steps.json", """{"preset": "char", "steps": 9}""");
        Rnnlm("submit", "steps.json").Refused(
            3, "steps.json: 'steps' is no setting", "total_steps", "job.seed", "job.numerics");
    }

    [Fact]
    public async Task A_job_file_may_be_a_pipe()
    {
        using (var made = Process.Start("mkfifo", [In("pipe.json")]))
        {
            await made.WaitForExitAsync();
        }

        var writing = Task.Run(() => File.WriteAllText(In("pipe.json"), JobFile));
        Rnnlm("submit", "pipe.json").Succeeded();
        await writing;
    }

    [Fact]
    public void A_copy_takes_the_place_of_one_that_broke_off_and_leaves_temporary_files_behind()
    {
        _directory.Write("storage/runs/small/.metrics.jsonl.tmp-1", "another's");
        Directory.CreateDirectory(In("copy.part/checkpoints"));
        _directory.Write("copy.part/checkpoints/old", "old");
        Rnnlm("fetch", "small", "--to", "copy/").Succeeded();
        Assert.False(Path.Exists(In("copy.part")));
        Assert.DoesNotContain(
            Directory.GetFileSystemEntries(In("copy"), "*", SearchOption.AllDirectories),
            entry => Path.GetFileName(entry) is "old" || Path.GetFileName(entry).StartsWith('.'));
        Assert.Equal(
            File.ReadAllText(In("storage/runs/small/config.json")), File.ReadAllText(In("copy/config.json")));
        RnnLmProcess.Run(_directory, "inspect", "copy").Succeeded();
    }

    [Fact]
    public void What_a_submission_left_of_a_token_file_goes()
    {
        string tokens = Assert.Single(Directory.GetFiles(In("storage/tokens")));
        File.Delete(tokens);
        Directory.CreateDirectory(tokens);
        File.WriteAllText($"{tokens}.old.tmp", "left");
        File.SetLastWriteTimeUtc($"{tokens}.old.tmp", DateTime.UtcNow.AddDays(-2));
        File.WriteAllText($"{tokens}.new.tmp", "another's");
        Rnnlm("submit", "small.json", "--name", "other").Refused(6, "cannot write");
        Assert.Equal([$"{tokens}.new.tmp"], Directory.GetFiles(In("storage/tokens")));
    }

    [Fact]
    public void Who_follows_goes_on_while_all_are_drained_and_ends_with_the_job()
    {
        Rnnlm("drain").Succeeded();
        using var logs = RnnLmProcess.Start(_directory, "logs", "small", "--follow", "--storage", "storage");
        string metrics = In("storage/runs/small/metrics.1.jsonl");
        File.WriteAllText(metrics, "{\"step\":0}\n");
        logs.WaitForLine("step 0");
        File.AppendAllText(metrics, "{\"step\":1}\n");
        logs.WaitForLine("step 1");
        Rnnlm("cancel", "small").Succeeded();
        Assert.Equal(["step 0", "step 1"], logs.WaitForEnd().Succeeded().Lines);
    }

    [Fact]
    public void Who_follows_goes_on_when_the_storage_works_again()
    {
        string config = In("storage/runs/small/config.1.json");
        string metrics = In("storage/runs/small/metrics.1.jsonl");
        File.Move(config, In("config"));
        File.CreateSymbolicLink(config, "/proc/self/mem");
        File.CreateSymbolicLink(metrics, "/proc/self/mem");
        Assert.Equal(["unreadable"], States());
        Rnnlm("logs", "small").Refused(6, "cannot read");
        using var logs = RnnLmProcess.Start(_directory, "logs", "small", "--follow", "--storage", "storage");
        _directory.Write("metrics", "{\"step\":0}\n");
        File.Move(In("metrics"), metrics, overwrite: true);
        logs.WaitForLine("step 0");
        File.Move(In("config"), config, overwrite: true);
        Rnnlm("cancel", "small").Succeeded();
        Assert.Equal(["step 0"], logs.WaitForEnd().Succeeded().Lines);
    }

    [Fact]
    public void Who_follows_ends_when_nobody_reads_it()
    {
        _directory.Write("storage/runs/small/metrics.1.jsonl", "{\"step\":0}\n");
        RnnLmProcess.RunRedirected(_directory, "> /dev/full", "logs", "small", "--follow", "--storage", "storage")
            .Refused(6, "standard output cannot be written");
    }

    private string In(string name) => Path.Combine(_directory.Root, name);

    /// <summary>As it is before a submission writes its configuration, which it does last.</summary>
    private void BreakOff()
    {
        File.Delete(In("storage/runs/small/config.json"));
        File.Delete(In("storage/runs/small/config.1.json"));
    }

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();

    private ProcessResult Rnnlm(params string[] arguments) =>
        RnnLmProcess.Run(_directory, [.. arguments, "--storage", "storage"]);

    private IEnumerable<string?> States() => Jobs().Select(job => Text(job, "state"));

    private JsonElement[] Jobs() =>
        [.. Rnnlm("jobs", "--json").Succeeded().Lines.Select(line => JsonElement.Parse(line))];
}
