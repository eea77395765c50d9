using System.Text.Json.Nodes;
using RnnLm.Storage;

namespace RnnLm.Cli.Tests;

/// <summary>What a coordinator's process says of a job, and what becomes of that, before there is a worker.</summary>
public sealed class Jobs_in_a_coordinators_process : IDisposable
{
    private const string EndlessRead = "/proc/self/mem";

    private readonly TemporaryDirectory _directory = new();
    private readonly List<string> _log = [];

    public Jobs_in_a_coordinators_process()
    {
        _directory.Write("corpus.txt", SmallText.Sentences(60));
        _directory.Write("job.json", """
            {
              "preset": "char", "corpus": ["corpus.txt"], "total_steps": 4,
              "job": { "model": { "dimension": 8, "layers": 1 }, "plan": { "held_out_per_mille": 0 } }
            }
            """);
        Directory.CreateDirectory(Path.Combine(_directory.Root, "storage"));
        RnnLmProcess.Run(_directory, "submit", "job.json", "--storage", "storage").Succeeded();
    }

    private RunStorage Storage => new(Path.Combine(_directory.Root, "storage"));

    private string Run => Storage.PathOf("job");

    private string TokenFile => Assert.Single(
        Directory.GetFiles(Path.Combine(_directory.Root, "storage", "tokens")));

    // No test comes as far as a cluster, but that which wants a defect.
    private JobRunner Runner => new(null!, Storage, _log.Add, TimeProvider.System);

    [Fact]
    public async Task A_token_file_that_is_another_ends_the_job_until_it_is_resumed()
    {
        string tokens = TokenFile;
        byte[] content = File.ReadAllBytes(tokens);
        File.WriteAllText(tokens, "damaged");
        await Runner.RunAsync("job", Never());
        Assert.Equal(2, _log.Count);
        Assert.StartsWith($"job: failed: '{tokens}' cannot be used", _log[1], StringComparison.Ordinal);
        Assert.EndsWith("rnnlm resume job lets it go on", _log[1], StringComparison.Ordinal);
        Assert.Empty(Runner.Unfinished());
        var job = Storage.Find("job");
        var report = job.Read();
        Assert.Equal(JobState.Failed, report.State);
        Assert.Contains("rnnlm resume job", report.Reason, StringComparison.Ordinal);

        File.WriteAllBytes(tokens, content);
        job.Resume();
        Assert.Equal((JobState.Unfinished, null), (job.Read().State, job.Read().Reason));
    }

    /// <summary>As it may be in a copy of a run that was made while it ended.</summary>
    [Fact]
    public void A_job_that_is_recorded_as_done_is_so_only_at_its_last_step()
    {
        string path = Path.Combine(Run, "config.1.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!;
        void End(long step)
        {
            json["end"] = JsonNode.Parse($$"""{ "exit_code": 0, "reason": "done", "step": {{step}} }""");
            File.WriteAllText(path, json.ToJsonString());
        }

        // Its patience may have ended it before all its steps.
        End(0);
        Assert.Empty(Runner.Unfinished());
        End(1);
        Assert.Equal(["job"], Runner.Unfinished());

        // Who goes on with it writes this.
        Assert.False(RunConfig.Read(RunDirectory.Open(Run)).ToJson().ContainsKey("end"));
    }

    /// <summary>Coordinators would evaluate it on the one that it was submitted with.</summary>
    [Fact]
    public void A_job_that_train_goes_on_with_keeps_its_validation_text()
    {
        _directory.Write("other.txt", SmallText.Sentences(20));
        RnnLmProcess.Run(_directory, "train", "--run", Run, "--resume", "--valid", "other.txt")
            .Refused(3, Run, "submitted with another validation text");
        Assert.Equal(JobState.Unfinished, Storage.Find("job").Read().State);
    }

    /// <summary>It keeps its identity and where its text lies, so that coordinators can go on with it.</summary>
    [Fact]
    public void A_job_that_train_goes_on_with_stays_one_of_the_storage()
    {
        var before = RunConfig.Read(RunDirectory.Open(Run));
        RnnLmProcess.Run(_directory, "train", "--run", Run, "--resume").Succeeded();
        var after = RunConfig.Read(RunDirectory.Open(Run));
        Assert.Equal((before.Tokens, before.RunId), (after.Tokens, after.RunId));
        Assert.NotNull(after.Tokens);
        Assert.Equal(["job"], Runner.Unfinished());
    }

    [Theory]
    [InlineData("tokenizer")]
    [InlineData("tokens")]
    public async Task What_cannot_be_read_now_is_tried_again(string what)
    {
        string path = what == "tokens" ? TokenFile : Path.Combine(Run, "tokenizer", "description.json");
        File.Delete(path);
        File.CreateSymbolicLink(path, EndlessRead);
        var failure = await Assert.ThrowsAsync<RnnLmException>(() => Runner.RunAsync("job", Never()));
        Assert.Equal(ExitCode.Storage, failure.ExitCode);
        Assert.Equal($"job: {failure.Message}", _log[^1]);
        Assert.Equal(JobState.Unfinished, Storage.Find("job").Read().State);
    }

    [Fact]
    public async Task A_defect_is_said_in_one_line_that_names_its_report()
    {
        await Assert.ThrowsAsync<NullReferenceException>(() => Runner.RunAsync("job", Never()));
        string report = Path.Combine(Run, $"rnnlm-defect-{Environment.ProcessId}.txt");
        Assert.StartsWith(
            "job: a defect of this program: NullReferenceException: ", _log[^1], StringComparison.Ordinal);
        Assert.Contains(report, _log[^1], StringComparison.Ordinal);
        Assert.Contains(nameof(JobRunner), File.ReadAllText(report), StringComparison.Ordinal);
    }

    [Fact]
    public void Why_jobs_cannot_be_listed_is_said_once_a_cause()
    {
        var runner = Runner;
        string runs = Path.GetDirectoryName(Run)!;
        for (int cause = 1; cause <= 2; cause++)
        {
            Directory.Move(runs, runs + "-away");
            File.WriteAllText(runs, string.Empty);
            for (int listing = 0; listing < 3; listing++)
            {
                var failure = Assert.Throws<RnnLmException>(() => runner.Unfinished());
                Assert.Equal(ExitCode.Storage, failure.ExitCode);
            }

            Assert.Equal(cause, _log.Count);
            Assert.StartsWith($"the jobs cannot be listed: cannot read '{runs}'", _log[^1], StringComparison.Ordinal);
            File.Delete(runs);
            Directory.Move(runs + "-away", runs);
            Assert.Equal(["job"], runner.Unfinished());
        }
    }

    /// <summary>Whoever asks for the jobs elsewhere may be able to read it.</summary>
    [Fact]
    public void A_job_that_this_process_cannot_read_is_said_once_and_again_when_that_has_changed()
    {
        var runner = Runner;
        string path = Path.Combine(Run, "config.1.json");
        byte[] config = File.ReadAllBytes(path);
        for (int time = 1; time <= 2; time++)
        {
            File.Delete(path);
            File.CreateSymbolicLink(path, EndlessRead);
            Assert.Empty(runner.Unfinished());
            Assert.Empty(runner.Unfinished());
            Assert.Equal(time, _log.Count);
            Assert.StartsWith($"job: cannot read '{Run}", _log[^1], StringComparison.Ordinal);
            File.Delete(path);
            File.WriteAllBytes(path, config);
            Assert.Equal(["job"], runner.Unfinished());
        }
    }

    [Fact]
    public void Nor_is_it_said_again_because_the_jobs_could_not_be_listed_meanwhile()
    {
        var runner = Runner;
        string path = Path.Combine(Run, "config.1.json");
        string runs = Path.GetDirectoryName(Run)!;
        File.Delete(path);
        File.CreateSymbolicLink(path, EndlessRead);
        Assert.Empty(runner.Unfinished());
        Directory.Move(runs, runs + "-away");
        File.WriteAllText(runs, string.Empty);
        Assert.Throws<RnnLmException>(() => runner.Unfinished());
        File.Delete(runs);
        Directory.Move(runs + "-away", runs);
        Assert.Empty(runner.Unfinished());
        Assert.Equal(2, _log.Count);
    }

    [Fact]
    public void That_the_storage_hangs_is_said_once_until_it_has_not()
    {
        var time = new HurriedTime();
        var runner = new JobRunner(null!, Storage, _log.Add, time);
        foreach (var (isSlow, said) in new[] { (true, 1), (true, 1), (false, 1), (true, 2) })
        {
            time.IsHurried = isSlow;
            Assert.Equal(["job"], runner.Unfinished());
            Assert.Equal(said, _log.Count);
        }

        Assert.Equal(
            "the run storage has not listed its jobs for 10 s; no job is begun until it has", _log.Distinct().Single());
        Assert.Equal([TimeSpan.FromSeconds(10)], time.Waits.Distinct());
    }

    [Theory]
    [InlineData("end", """{ "exit_code": 3, "reason": 7 }""")]
    [InlineData("end", "\"over\"")]
    [InlineData("tokens", "7")]
    [InlineData("tokens", "\"../../secret\"")]
    [InlineData("validation_tokens", "{}")]
    public void A_configuration_that_is_damaged_is_that_jobs_alone(string key, string value)
    {
        string path = Path.Combine(Run, "config.1.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!;
        json[key] = JsonNode.Parse(value);
        RnnLmProcess.Run(_directory, "submit", "job.json", "--storage", "storage", "--name", "other").Succeeded();
        File.WriteAllText(path, json.ToJsonString());
        Assert.Equal(["other"], Runner.Unfinished());
        var report = Storage.Find("job").Read();
        Assert.Equal(JobState.Failed, report.State);
        Assert.Contains($"config.1.json' cannot be used ({key}", report.Reason, StringComparison.Ordinal);
    }

    public void Dispose() => _directory.Dispose();

    private static Task Never() => new TaskCompletionSource().Task;

    /// <summary>Whatever is waited for ends at once, or never.</summary>
    private sealed class HurriedTime : TimeProvider
    {
        public bool IsHurried { get; set; }

        public List<TimeSpan> Waits { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Waits.Add(dueTime);
            if (IsHurried)
            {
                callback(state);
            }

            return base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
