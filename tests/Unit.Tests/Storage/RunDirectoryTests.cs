using System.Text;
using System.Text.Json.Nodes;

namespace RnnLm.Tests;

public sealed class RunDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void A_new_run_is_made_with_its_parents_and_its_config_comes_back()
    {
        RunDirectory run = RunDirectory.CreateOrOpen(_directory["some", "run"]);
        Assert.False(run.HasConfig);
        using (Lease lease = run.TakeLease(TestRun.Holder(1)))
        {
            run.WriteTokenizer(lease, [("characters.txt", "abc"u8.ToArray())]);
            run.WriteConfig(lease, new JsonObject { ["seed"] = 7, ["corpus"] = "Bücher/<a>.txt" });
        }

        RunDirectory again = RunDirectory.Open(_directory["some", "run"] + "/");
        Assert.True(again.HasConfig);
        Assert.Equal(7, (int)again.ReadConfig()["seed"]!);
        Assert.Equal(
            "{\n  \"seed\": 7,\n  \"corpus\": \"Bücher/<a>.txt\"\n}\n",
            File.ReadAllText(_directory["some", "run", "config.json"]));
        Assert.Equal("abc", File.ReadAllText(Path.Combine(again.TokenizerDirectory, "characters.txt")));
    }

    [Fact]
    public void A_file_of_the_tokenizer_is_whole_and_on_the_disk_or_not_there_whatever_operation_fails()
    {
        var files = new FaultyFiles();
        int failed = 0;
        for (bool isWritten = false; !isWritten; failed++)
        {
            RunDirectory run = RunDirectory.CreateOrOpen(files, _directory[$"run-{failed}"]);
            using Lease lease = run.TakeLease(TestRun.Holder(1));
            files.DieAt(failed);
            try
            {
                run.WriteTokenizer(lease, [("words.txt", "whole"u8.ToArray())]);
                isWritten = true;
            }
            catch (RnnLmException failure) when (failure.ExitCode == ExitCode.Storage)
            {
            }

            files.Heal();
            string path = Path.Combine(run.TokenizerDirectory, "words.txt");
            Assert.Equal(isWritten, File.Exists(path) && failed >= 7);
            Assert.True(!File.Exists(path) || File.ReadAllText(path) == "whole");
        }

        // A directory and the file made, written and flushed, the directory flushed, renamed and the run flushed; then
        // no failure is met.
        Assert.Equal(8, failed);
    }

    [Fact]
    public void A_tokenizer_that_is_there_is_never_replaced()
    {
        RunDirectory run = RunDirectory.CreateOrOpen(_directory["run"]);
        using Lease lease = run.TakeLease(TestRun.Holder(1));
        run.WriteTokenizer(lease, [("words.txt", "one"u8.ToArray())]);

        run.WriteTokenizer(lease, [("words.txt", "one"u8.ToArray())]);
        Assert.Contains("is of another job", BadInput(() =>
            run.WriteTokenizer(lease, [("words.txt", "two"u8.ToArray())])), StringComparison.Ordinal);

        Assert.Equal("one", File.ReadAllText(Path.Combine(run.TokenizerDirectory, "words.txt")));
        Assert.Equal(
            ["lease.1", "lease.lock", "tokenizer"],
            Directory.GetFileSystemEntries(_directory["run"]).Select(path => Path.GetFileName(path)).Order());
    }

    [Fact]
    public void A_file_and_a_directory_with_other_things_are_refused_and_left_alone()
    {
        File.WriteAllText(_directory["file"], "text");
        Directory.CreateDirectory(_directory["photos", "tokenizer"]);
        File.WriteAllText(_directory["photos", "holiday.jpg"], "");

        Assert.Contains(
            "is a file", BadInput(() => RunDirectory.CreateOrOpen(_directory["file"])), StringComparison.Ordinal);
        Assert.Contains("is a file", BadInput(() => RunDirectory.Open(_directory["file"])), StringComparison.Ordinal);
        Assert.Contains(
            "holds 'holiday.jpg'",
            BadInput(() => RunDirectory.CreateOrOpen(_directory["photos"])),
            StringComparison.Ordinal);
        Assert.Contains(
            "has no config.json", BadInput(() => RunDirectory.Open(_directory["photos"])), StringComparison.Ordinal);
        Assert.Contains(
            "there is no run", BadInput(() => RunDirectory.Open(_directory["absent"])), StringComparison.Ordinal);
        Assert.Equal(
            ["holiday.jpg", "tokenizer"],
            Directory.GetFileSystemEntries(_directory["photos"]).Select(path => Path.GetFileName(path)).Order());
    }

    [Fact]
    public void A_parent_that_is_a_file_gives_exit_code_6()
    {
        File.WriteAllText(_directory["file"], "text");

        var failure = Assert.Throws<RnnLmException>(() => RunDirectory.CreateOrOpen(_directory["file", "run"]));

        Assert.Equal(ExitCode.Storage, failure.ExitCode);
        Assert.Contains(_directory["file", "run"], failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_start_killed_at_any_operation_can_be_started_again_and_leaves_no_temporary_files()
    {
        var files = new FaultyFiles();
        for (int operation = 0; ; operation++)
        {
            string path = _directory[$"run{operation}"];
            files.DieAt(operation);
            bool isThrough = Start(files, path);
            string tokenizer = Path.Combine(path, "tokenizer");
            Assert.True(
                File.Exists(Path.Combine(tokenizer, "vocabulary"))
                || !File.Exists(Path.Combine(tokenizer, "description")));
            files.Heal();
            Assert.True(Start(files, path));
            Assert.DoesNotContain(
                Directory.GetFileSystemEntries(path, "*", SearchOption.AllDirectories),
                entry => Path.GetFileName(entry).StartsWith('.'));
            if (isThrough)
            {
                Assert.InRange(operation, 10, 50);
                return;
            }
        }
    }

    /// <summary>A submission writes version 0 and then its configuration; another job takes the place of one that broke
    /// off.</summary>
    [Fact]
    public void A_submission_killed_at_any_operation_can_be_followed_by_another()
    {
        var files = new FaultyFiles();
        for (int operation = 0; ; operation++)
        {
            string path = _directory[$"run{operation}"];
            files.DieAt(operation);
            bool isThrough = Submit(files, path, "first");
            files.Heal();
            if (isThrough)
            {
                Assert.InRange(operation, 30, 200);
                return;
            }

            if (!RunDirectory.IsBegun(path))
            {
                Assert.True(Submit(files, path, "second"));
                var run = RunDirectory.Open(path);
                Assert.Equal("second", File.ReadAllText(Path.Combine(run.TokenizerDirectory, "vocabulary")));
                Assert.Equal("second", (string?)run.ReadConfig()["job"]);
                Assert.Equal([0], run.Checkpoints.Steps());
            }

            Assert.DoesNotContain(
                Directory.GetFileSystemEntries(path, "*", SearchOption.AllDirectories),
                entry => Path.GetFileName(entry).StartsWith(".tokenizer", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void What_was_trained_is_not_begun_anew_when_its_configuration_is_gone()
    {
        using var run = new TestRun();
        run.Store.Save(TestRun.Snapshot(100));
        run.Lease.Dispose();
        File.Delete(run["config.1.json"]);
        File.Delete(run["config.json"]);
        Assert.False(RunDirectory.IsBegun(run.Root));
        Assert.Contains(
            "holds 'checkpoints'", BadInput(() => RunDirectory.CreateOrOpen(run.Root)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_copy_has_metrics_and_ledger_up_to_its_checkpoint_though_their_ends_are_torn()
    {
        using var run = new TestRun();
        var checkpoint = TestRun.Snapshot(1).State;
        using (var metrics = run.Run.OpenMetrics(run.Lease, 0))
        using (var ledger = run.Run.OpenLedger(run.Lease, 0, LedgerChain.Empty))
        {
            metrics.Append(json => json.WriteNumber("step", 0));
            metrics.Append(json => json.WriteNumber("step", 1));
            ledger.Append([new LedgerEntry(0, 1, 2, false)]);
            checkpoint = checkpoint with { Ledger = ledger.Chain };
            ledger.Append([new LedgerEntry(1, 1, 2, false)]);
        }

        File.WriteAllText(run[".metrics.jsonl.tmp-1"], "another's");
        using (var ledger = new FileStream(run["ledger.1.json"], FileMode.Open))
        {
            ledger.SetLength(ledger.Length - 10);
        }

        string target = _directory["copy"];
        Directory.CreateDirectory(target);
        run.Run.CopyTo(target, TestRun.Holder(2), checkpoint);
        var copy = RunDirectory.Open(target);
        Assert.Equal(["{\"step\":0}"], copy.ReadMetrics());
        Assert.Equal((1, null), (copy.ReadLedger().Entries.Count, copy.ReadLedger().Damage));
        Assert.Equal(1, (int)copy.ReadConfig()["seed"]!);
        Assert.Equal("ledger.2.json", new FileInfo(Path.Combine(target, "ledger.json")).LinkTarget);
        Assert.DoesNotContain(
            Directory.GetFileSystemEntries(target), entry => Path.GetFileName(entry).StartsWith('.'));
    }

    [Fact]
    public void A_config_that_cannot_be_written_leaves_the_old_one()
    {
        using var run = new TestRun();
        run.Files.FailOnce(1);

        Assert.Throws<RnnLmException>(() => run.Run.WriteConfig(run.Lease, new JsonObject { ["seed"] = 2 }));

        Assert.Equal(1, (int)run.Run.ReadConfig()["seed"]!);
        Assert.Empty(run.Leftovers());
    }

    [Fact]
    public void A_config_is_not_written_once_the_lease_is_lost()
    {
        using var run = new TestRun();
        File.Delete(run["lease.1"]);

        Assert.Throws<RnnLmException>(() => run.Run.WriteConfig(run.Lease, new JsonObject { ["seed"] = 2 }));

        Assert.Equal(1, (int)run.Run.ReadConfig()["seed"]!);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"seed\": 1")]
    [InlineData("{\"seed\": 1, \"seed\": 2}")]
    public void A_damaged_config_is_refused_in_one_line(string content)
    {
        using var run = new TestRun();
        File.WriteAllText(run["config.1.json"], content);

        Assert.Contains(
            "config.1.json' cannot be parsed", BadInput(() => run.Run.ReadConfig()), StringComparison.Ordinal);
    }

    /// <summary>Two that begin a run at the same moment: the second sees the first's files between two looks.</summary>
    [Fact]
    public void A_run_that_is_begun_while_it_is_looked_at_is_opened()
    {
        string path = _directory["run"];
        Directory.CreateDirectory(path);
        var files = new BegunMeanwhile(Path.Combine(path, "config.1.json"));
        Assert.True(RunDirectory.CreateOrOpen(files, path).HasConfig);
        Assert.True(files.Looks > 2);
    }

    public void Dispose() => _directory.Dispose();

    /// <summary>Another process makes the configuration between the first look at a directory and the second.</summary>
    private sealed class BegunMeanwhile(string config) : FileOperations
    {
        public int Looks { get; private set; }

        public override IReadOnlyList<string> Entries(string directory)
        {
            if (++Looks == 2)
            {
                File.WriteAllText(config, "{}");
            }

            return base.Entries(directory);
        }
    }

    private static bool Start(FaultyFiles files, string path)
    {
        try
        {
            RunDirectory run = RunDirectory.CreateOrOpen(files, path);
            using Lease lease = run.TakeLease(TestRun.Holder(1));
            run.WriteTokenizer(lease, [("vocabulary", [1, 2]), ("description", [3])]);
            Assert.Equal([1, 2], File.ReadAllBytes(Path.Combine(run.TokenizerDirectory, "vocabulary")));
            Assert.Equal([3], File.ReadAllBytes(Path.Combine(run.TokenizerDirectory, "description")));
            run.WriteConfig(lease, []);
            return true;
        }
        catch (RnnLmException failure)
        {
            Assert.Equal(ExitCode.Storage, failure.ExitCode);
            return false;
        }
    }

    private static bool Submit(FaultyFiles files, string path, string job)
    {
        try
        {
            RunDirectory run = RunDirectory.CreateOrOpen(files, path);
            using Lease lease = run.TakeLease(TestRun.Holder(1));
            run.WriteTokenizer(lease, [("vocabulary", Encoding.UTF8.GetBytes(job))], replaces: true);
            run.OpenLedger(lease, 0, LedgerChain.Empty).Dispose();
            run.OpenCheckpoints(lease).Save(TestRun.Snapshot(0, variant: job.Length));
            run.WriteConfig(lease, new JsonObject { ["job"] = job });
            return true;
        }
        catch (RnnLmException failure)
        {
            Assert.Equal(ExitCode.Storage, failure.ExitCode);
            return false;
        }
    }

    private static string BadInput(Action action)
    {
        var failure = Assert.Throws<RnnLmException>(action);
        Assert.Equal(ExitCode.BadInput, failure.ExitCode);
        Assert.DoesNotContain('\n', failure.Message);
        return failure.Message;
    }
}
