using System.Globalization;
using System.Security.Cryptography;

namespace RnnLm.Tests;

public sealed class CheckpointStoreTests : IDisposable
{
    private readonly TestRun _run = new();

    [Fact]
    public async Task A_snapshot_handed_to_another_thread_is_found_again_with_its_state_and_tensors()
    {
        CheckpointSnapshot snapshot = TestRun.Snapshot(100, validationLoss: 4.5);

        string path = await Task.Run(() => _run.Store.Save(snapshot));

        Assert.Equal(_run["checkpoints", "step-00000100.1"], path);
        CheckpointSearch search = _run.Store.FindNewest();
        Assert.Empty(search.Damaged);
        CheckpointState state = search.Newest!.State;
        Assert.Equal(snapshot.State, state);
        Assert.Equal([10_000f, 10_001f, 10_002f, 10_003f, 10_004f, 10_005f], TestRun.Weights(search.Newest));
        Assert.Equal("checkpoints/step-00000100.1", _run.LinkTarget("final"));
        Assert.Equal("checkpoints/step-00000100.1", _run.LinkTarget("best"));
        Assert.Equal(state.Step, Checkpoint.Open(_run["final"]).State.Step);
    }

    [Fact]
    public void DONE_lists_the_sha256_of_every_other_file_as_sha256sum_does()
    {
        string path = _run.Store.Save(TestRun.Snapshot(0));

        string[] names =
            [.. Directory.GetFiles(path).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];
        Assert.Equal(["DONE", "model.safetensors", "optimizer.safetensors", "state.json"], names);
        Assert.Equal(
            string.Concat(names[1..].Select(name =>
                $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(path, name))))}  {name}\n")),
            File.ReadAllText(Path.Combine(path, "DONE")));
    }

    [Fact]
    public void One_version_gives_the_same_bytes_in_every_run_and_incarnation()
    {
        using var other = new TestRun();
        other.Reopen();
        string left = _run.Store.Save(TestRun.Snapshot(100, 4.25));
        string right = other.Store.Save(TestRun.Snapshot(100, 4.25));

        Assert.NotEqual(_run.Lease.Incarnation, other.Lease.Incarnation);
        foreach (string name in Directory.GetFiles(left).Select(file => Path.GetFileName(file)))
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(left, name)), File.ReadAllBytes(Path.Combine(right, name)));
        }
    }

    [Fact]
    public void Every_file_is_flushed_before_the_checkpoint_takes_its_name_and_DONE_is_the_last_written()
    {
        _run.Files.Heal();
        string path = _run.Store.Save(TestRun.Snapshot(0));

        string[] steps = [.. _run.Files.Done.Select(done => $"{done.Operation} {Path.GetFileName(done.Path)}")];
        int rename = Array.IndexOf(steps, "Rename step-00000000.1");
        int done = Array.IndexOf(steps, "CreateFile DONE");
        foreach (string name in Directory.GetFiles(path).Select(file => Path.GetFileName(file)))
        {
            Assert.InRange(Array.IndexOf(steps, $"Flush {name}"), 0, name == "DONE" ? rename : done);
        }

        Assert.InRange(Array.IndexOf(steps, "FlushDirectory .step-00000000.1.tmp-1"), done, rename);
        Assert.Equal("FlushDirectory checkpoints", steps[rename + 1]);
    }

    [Fact]
    public void A_checkpoint_saved_again_with_the_same_bytes_stays_and_with_others_is_superseded_and_pruned()
    {
        _run.Store.Save(TestRun.Snapshot(100, variant: 1));
        DateTime written = File.GetLastWriteTimeUtc(_run["checkpoints", "step-00000100.1", "DONE"]);
        File.SetLastWriteTimeUtc(_run["checkpoints", "step-00000100.1", "DONE"], written.AddDays(-1));

        _run.Store.Save(TestRun.Snapshot(100, variant: 1));
        Assert.Equal(written.AddDays(-1), File.GetLastWriteTimeUtc(_run["checkpoints", "step-00000100.1", "DONE"]));

        _run.Store.Save(TestRun.Snapshot(100, variant: 2));
        _run.Store.Save(TestRun.Snapshot(100, variant: 2));
        Assert.Equal(10_002f, TestRun.Weights(_run.Store.FindNewest().Newest!)[0]);
        Assert.Equal("checkpoints/step-00000100.1.1", _run.LinkTarget("final"));
        Assert.Equal([100L], _run.Store.Steps);

        _run.Store.Save(TestRun.Snapshot(100, variant: 3));
        Assert.Equal(10_003f, TestRun.Weights(_run.Store.FindNewest().Newest!)[0]);

        Assert.Empty(_run.Store.Prune(new RetentionPolicy(1)));
        Assert.Equal([_run["checkpoints", "step-00000100.1.2"]], Directory.GetFileSystemEntries(_run["checkpoints"]));
    }

    [Fact]
    public void Best_is_the_lowest_validation_loss_the_earlier_of_equals_also_after_reopening()
    {
        _run.Store.Save(TestRun.Snapshot(0));
        Assert.Null(_run.LinkTarget("best"));
        _run.Store.Save(TestRun.Snapshot(100, 5.0));
        _run.Store.Save(TestRun.Snapshot(200, 4.0));
        _run.Store.Save(TestRun.Snapshot(300, 4.0));
        _run.Store.Save(TestRun.Snapshot(400));

        Assert.Equal("checkpoints/step-00000200.1", _run.LinkTarget("best"));
        Assert.Equal("checkpoints/step-00000400.1", _run.LinkTarget("final"));
        _run.Reopen();
        Assert.Equal(200, _run.Store.BestStep);
    }

    [Fact]
    public void Losses_on_another_validation_text_make_none_the_best()
    {
        foreach (var (step, loss, text) in new[] { (100, 4.0, "old"), (200, 5.0, "new"), (300, 5.5, null) })
        {
            var snapshot = TestRun.Snapshot(step, loss);
            _run.Store.Save(snapshot with { State = snapshot.State with { ValidationText = text } });
        }

        Assert.Equal(200, _run.Run.OpenCheckpoints(_run.Lease, "new").BestStep);
        Assert.Equal("checkpoints/step-00000200.1", _run.LinkTarget("best"));
        Assert.Equal(300, _run.Run.OpenCheckpoints(_run.Lease, "third").BestStep);
    }

    [Fact]
    public void Pruning_keeps_the_last_every_mth_the_best_and_step_0()
    {
        foreach (long step in Enumerable.Range(0, 11))
        {
            _run.Store.Save(TestRun.Snapshot(100 * step, validationLoss: step == 3 ? 1 : 2));
        }

        Assert.Equal([100L, 200, 500, 600, 700], _run.Store.Prune(new RetentionPolicy(KeepLast: 2, KeepEvery: 400)));
        Assert.Equal([0L, 300, 400, 800, 900, 1000], _run.Store.Steps);
        Assert.Empty(_run.Store.Prune(new RetentionPolicy(KeepLast: 2, KeepEvery: 400)));
        Assert.Empty(_run.Leftovers());
    }

    [Fact]
    public void What_a_higher_incarnation_has_is_not_touched()
    {
        string[] higher =
            [.. new[] { "step-00000050.9", "step-00000060.9", "step-00000060.9.1", ".step-00000100.9.tmp-9" }
                .Select(name => _run["checkpoints", name])];
        Assert.All(higher, path => Directory.CreateDirectory(path));
        var store = _run.Run.OpenCheckpoints(_run.Lease);
        store.Save(TestRun.Snapshot(0));
        store.Save(TestRun.Snapshot(100));

        store.Prune(new RetentionPolicy(1));

        Assert.All(higher, path => Assert.True(Directory.Exists(path)));
        Assert.False(Directory.Exists(_run["checkpoints", "step-00000100.1"]));
    }

    /// <summary>Names as a directory has them, and those that make up the run, newest first.</summary>
    [Theory]
    [InlineData("0.1 50.1 100.1", "100.1 50.1 0.1")]
    [InlineData("0.1 50.1 100.2", "100.2 50.1 0.1")]
    [InlineData("0.2 100.2 50.1 200.1", "100.2 0.2")]
    [InlineData("0.2 100.2 100.2.1 100.2.10 100.2.9", "100.2.10 0.2")]
    [InlineData("0.2 100.10 200.9", "100.10 0.2")]
    [InlineData("100.2.0 100.02 100.2.1.1 100 100.2.damaged 100.-1", "")]
    public void Of_a_stopped_holder_nothing_counts_from_where_another_took_over(string names, string counting)
    {
        foreach (string name in names.Split(' '))
        {
            int point = (name + ".").IndexOf('.', StringComparison.Ordinal);
            string step = int.Parse(name[..point], CultureInfo.InvariantCulture)
                .ToString("D8", CultureInfo.InvariantCulture);
            Directory.CreateDirectory(_run["checkpoints", $"step-{step}{name[point..]}"]);
        }

        Assert.Equal(
            counting,
            string.Join(' ', _run.Run.Checkpoints.FindNewest().Damaged.Select(each =>
                Path.GetFileName(each.Path)["step-".Length..].TrimStart('0')).Select(name =>
                    name.StartsWith('.') ? $"0{name}" : name)));
    }

    [Fact]
    public void A_validation_loss_that_is_not_finite_is_refused()
    {
        Assert.Throws<ArgumentException>(() => _run.Store.Save(TestRun.Snapshot(0, double.NaN)));
    }

    [Fact]
    public void Nothing_is_written_renamed_or_pruned_once_the_lease_is_lost()
    {
        _run.Store.Save(TestRun.Snapshot(0));
        _run.Store.Save(TestRun.Snapshot(50));
        _run.Store.Save(TestRun.Snapshot(100));
        File.WriteAllText(_run["lease.2"], """{"incarnation":2,"process_id":77,"host":"elsewhere"}""");
        string[] before = Directory.GetFileSystemEntries(_run.Root, "*", SearchOption.AllDirectories);
        _run.Files.Heal();

        foreach (Action action in new Action[]
        {
            () => _run.Store.Save(TestRun.Snapshot(200)),
            () => _run.Store.Prune(new RetentionPolicy(1)),
            () => _run.Run.OpenCheckpoints(_run.Lease),
        })
        {
            Assert.Equal(ExitCode.Cluster, Assert.Throws<RnnLmException>(action).ExitCode);
        }

        Assert.Empty(_run.Files.Done);
        Assert.Equal(before, Directory.GetFileSystemEntries(_run.Root, "*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("state.json")]
    [InlineData("DONE")]
    public void A_lease_lost_while_a_file_is_written_keeps_the_checkpoint_from_its_name(string name)
    {
        _run.Files.Meanwhile = (operation, path) =>
        {
            if (operation == FileOperation.Flush && Path.GetFileName(path) == name)
            {
                File.WriteAllText(_run["lease.2"], """{"incarnation":2,"process_id":77,"host":"elsewhere"}""");
            }
        };

        var failure = Assert.Throws<RnnLmException>(() => _run.Store.Save(TestRun.Snapshot(100)));

        Assert.Equal(ExitCode.Cluster, failure.ExitCode);
        Assert.Contains("process 77 on host elsewhere (incarnation 2)", failure.Message, StringComparison.Ordinal);
        Assert.Empty(_run.Store.Steps);
        Assert.Empty(_run.Leftovers());
    }

    [Fact]
    public void A_checkpoints_directory_that_is_a_file_gives_one_line_and_exit_code_6()
    {
        Directory.Delete(_run["checkpoints"]);
        File.WriteAllText(_run["checkpoints"], "");

        var failure = Assert.Throws<RnnLmException>(() => _run.Store.Save(TestRun.Snapshot(0)));

        Assert.Equal(ExitCode.Storage, failure.ExitCode);
        Assert.Contains("step-00000000.1", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
    }

    public void Dispose() => _run.Dispose();
}
