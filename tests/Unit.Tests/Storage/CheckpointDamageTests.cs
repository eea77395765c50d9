namespace RnnLm.Tests;

public sealed class CheckpointDamageTests : IDisposable
{
    private static readonly string[] Names = ["model.safetensors", "optimizer.safetensors", "state.json", "DONE"];

    private readonly TestRun _run = new();

    public CheckpointDamageTests()
    {
        _run.Store.Save(TestRun.Snapshot(0, 5));
        _run.Store.Save(TestRun.Snapshot(100, 4));
    }

    [Fact]
    public void A_flipped_bit_anywhere_is_found()
    {
        var random = new Random(11);
        foreach (string name in Names)
        {
            string path = _run["checkpoints", "step-00000100.1", name];
            byte[] good = File.ReadAllBytes(path);
            for (int round = 0; round < 100; round++)
            {
                byte[] bad = (byte[])good.Clone();
                bad[random.Next(bad.Length)] ^= (byte)(1 << random.Next(8));
                File.WriteAllBytes(path, bad);
                Assert.NotNull(_run.Run.Checkpoints.Check(100)!.Damage);
            }

            File.WriteAllBytes(path, good);
        }

        Assert.Null(_run.Run.Checkpoints.Check(100)!.Damage);
    }

    public static TheoryData<string, string> Damages()
    {
        var data = new TheoryData<string, string>();
        foreach (string name in Names)
        {
            data.Add(name, "truncated");
            data.Add(name, "longer");
            data.Add(name, "missing");
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public void A_truncated_longer_or_missing_file_sets_the_checkpoint_aside_by_name_and_the_one_before_is_used(
        string name, string damage)
    {
        string path = _run["checkpoints", "step-00000100.1", name];
        Damage(path, damage);

        CheckpointSearch search = _run.Store.FindNewest();

        Assert.Equal(0, search.Newest!.State.Step);
        DamagedCheckpoint damaged = Assert.Single(search.Damaged);
        Assert.Equal(
            (100, _run["checkpoints", "step-00000100.1.damaged"], true),
            (damaged.Step, damaged.Path, damaged.IsSetAside));
        Assert.True(Directory.Exists(damaged.Path));
        Assert.False(Directory.Exists(_run["checkpoints", "step-00000100.1"]));
        Assert.Contains(
            name == "DONE" && damage == "truncated" ? "DONE" : name, damaged.ToString(), StringComparison.Ordinal);
        Assert.Equal("checkpoints/step-00000000.1", _run.LinkTarget("final"));
        Assert.Equal("checkpoints/step-00000000.1", _run.LinkTarget("best"));
    }

    [Fact]
    public void A_second_damaged_checkpoint_of_one_step_gets_a_name_of_its_own()
    {
        File.Delete(_run["checkpoints", "step-00000100.1", "DONE"]);
        _run.Store.FindNewest();
        _run.Store.Save(TestRun.Snapshot(100));
        File.Delete(_run["checkpoints", "step-00000100.1", "DONE"]);

        Assert.Equal(
            _run["checkpoints", "step-00000100.1.damaged-2"], Assert.Single(_run.Store.FindNewest().Damaged).Path);
    }

    [Fact]
    public void Readers_pass_a_damaged_checkpoint_over_and_leave_it_in_place()
    {
        File.Delete(_run["checkpoints", "step-00000100.1", "DONE"]);

        CheckpointSearch search = _run.Run.Checkpoints.FindNewest();

        Assert.Equal(0, search.Newest!.State.Step);
        Assert.False(Assert.Single(search.Damaged).IsSetAside);
        Assert.True(Directory.Exists(_run["checkpoints", "step-00000100.1"]));
    }

    [Fact]
    public void Readers_go_on_with_another_when_a_checkpoint_is_removed_between_any_two_of_their_operations()
    {
        bool isRemoved = true;
        for (int operation = 0; isRemoved; operation++)
        {
            _run.Store.Save(TestRun.Snapshot(100, 4));
            var files = new FaultyFiles();
            var checkpoints = RunDirectory.Open(files, _run.Root).Checkpoints;
            isRemoved = false;
            int count = 0;
            files.Meanwhile = (_, _) =>
            {
                if (count++ == operation)
                {
                    isRemoved = true;
                    Directory.Delete(_run["checkpoints", "step-00000100.1"], recursive: true);
                }
            };

            float[] weights = checkpoints.ReadNewest(TestRun.Weights)!;

            // One whose file was opened before is read to its end.
            Assert.Contains(weights[0], new[] { 0f, 10_000f });
            files.Meanwhile = (_, _) => { };
            Assert.Equal(isRemoved, checkpoints.Check(100) is null);
            Assert.Empty(checkpoints.FindNewest().Damaged);
        }
    }

    [Fact]
    public void Readers_of_the_best_go_on_with_a_better_one_that_takes_its_place_between_any_two_of_their_operations()
    {
        bool isReplaced = true;
        for (int operation = 0; isReplaced; operation++)
        {
            long step = 200 + (10 * operation);
            _run.Store.Save(TestRun.Snapshot(step, validationLoss: 1 - (step / 1e4)));
            _run.Store.Save(TestRun.Snapshot(step + 1, validationLoss: 5));
            var files = new FaultyFiles();
            isReplaced = false;
            int count = 0;
            files.Meanwhile = (_, _) =>
            {
                if (count++ == operation)
                {
                    isReplaced = true;
                    _run.Store.Save(TestRun.Snapshot(step + 2, validationLoss: 1 - ((step + 2) / 1e4)));
                    Directory.Delete(_run["checkpoints", $"step-{step:D8}.1"], recursive: true);
                }
            };

            float[] weights = RunDirectory.Open(files, _run.Root).Checkpoints.ReadBest(TestRun.Weights)!;
            Assert.Contains(weights[0], new[] { 100f * step, 100f * (step + 2) });
        }
    }

    [Fact]
    public void Readers_of_the_best_take_no_other_one_when_it_is_damaged()
    {
        var checkpoints = _run.Run.Checkpoints;
        _run.Store.Save(TestRun.Snapshot(300, validationLoss: 0.5));
        _run.Store.Save(TestRun.Snapshot(400, validationLoss: 3));
        Assert.Equal(30_000f, checkpoints.ReadBest(TestRun.Weights)![0]);

        File.Delete(_run["checkpoints", "step-00000300.1", "DONE"]);
        Assert.Contains(
            "step-00000300.1' is damaged",
            Assert.Throws<RnnLmException>(() => checkpoints.ReadBest(TestRun.Weights)).Message,
            StringComparison.Ordinal);

        // As after a crash between a removal and the link.
        Directory.Delete(_run["checkpoints", "step-00000300.1"], recursive: true);
        Assert.Throws<RnnLmException>(() => checkpoints.ReadBest(TestRun.Weights));
    }

    [Fact]
    public void A_checkpoint_removed_while_it_is_verified_is_not_damaged()
    {
        var files = new FaultyFiles();
        var checkpoints = RunDirectory.Open(files, _run.Root).Checkpoints;
        files.Meanwhile = (_, path) =>
        {
            if (Path.GetFileName(path) == "model.safetensors")
            {
                Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
            }
        };

        Assert.Null(checkpoints.Check(100));
        Assert.Null(checkpoints.FindNewest().Newest);
        Assert.Empty(checkpoints.Steps());
    }

    [Fact]
    public void When_all_are_damaged_none_is_found_and_all_are_named()
    {
        Damage(_run["checkpoints", "step-00000100.1", "state.json"], "truncated");
        Damage(_run["checkpoints", "step-00000000.1", "model.safetensors"], "truncated");

        CheckpointSearch search = _run.Store.FindNewest();

        Assert.Null(search.Newest);
        Assert.Equal([100L, 0L], search.Damaged.Select(damaged => damaged.Step));
        Assert.Null(_run.LinkTarget("final"));
        Assert.Null(_run.LinkTarget("best"));
    }

    [Fact]
    public void A_checkpoint_under_the_name_of_another_step_is_damaged()
    {
        Directory.Move(_run["checkpoints", "step-00000100.1"], _run["checkpoints", "step-00000200.1"]);

        Assert.Contains("says step 100", _run.Run.Checkpoints.Check(200)!.Damage, StringComparison.Ordinal);
    }

    [Fact]
    public void Opening_a_run_whose_newest_state_is_damaged_succeeds_and_counts_it_not_as_best()
    {
        Damage(_run["checkpoints", "step-00000100.1", "state.json"], "truncated");

        _run.Reopen();

        Assert.Equal(0, _run.Store.BestStep);
    }

    [Fact]
    public void A_checkpoint_named_by_the_user_is_refused_when_damaged_or_missing()
    {
        Damage(_run["checkpoints", "step-00000100.1", "model.safetensors"], "truncated");

        var damaged = Assert.Throws<RnnLmException>(() => Checkpoint.Open(_run["checkpoints", "step-00000100.1"]));
        var missing = Assert.Throws<RnnLmException>(() => Checkpoint.Open(_run["checkpoints", "step-00000300.1"]));

        Assert.Equal((ExitCode.BadInput, ExitCode.BadInput), (damaged.ExitCode, missing.ExitCode));
        Assert.Contains("model.safetensors does not match its SHA-256", damaged.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _run.Dispose();

    private static void Damage(string path, string damage)
    {
        if (damage == "missing")
        {
            File.Delete(path);
            return;
        }

        using FileStream file = File.Open(path, FileMode.Open);
        file.SetLength(file.Length + (damage == "longer" ? 1 : -1));
    }
}
