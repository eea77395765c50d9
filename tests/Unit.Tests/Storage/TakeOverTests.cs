using System.Text.Json.Nodes;

namespace RnnLm.Tests;

/// <summary>
/// A holder is stopped before any one of its operations, reading ones too, another takes the run over as on a file
/// system that does not share locks, and the first goes on.
/// </summary>
public sealed class TakeOverTests
{
    public static TheoryData<string, bool> Cases()
    {
        var data = new TheoryData<string, bool>();
        foreach (string action in new[] { "checkpoints", "the same step again", "taking over", "setting aside" })
        {
            data.Add(action, true);
            data.Add(action, false);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_stopped_holder_that_goes_on_changes_nothing_of_its_successor(string action, bool trains)
    {
        int losses = 0;
        bool isThrough = false;
        for (int operation = 0; !isThrough; operation++)
        {
            using var directory = new TemporaryDirectory(isInMemory: true);
            Begin(directory["run"]);
            var files = new FaultyFiles();
            using var old = new Holder(files, directory["run"]);
            Prepare(old, action);
            Holder? young = null;
            var written = new Dictionary<string, string>();
            int count = 0;
            files.Meanwhile = (_, _) =>
            {
                if (count++ == operation)
                {
                    young = new Holder(FileOperations.Default, directory["run"]);
                    young.Resume();
                    if (trains)
                    {
                        young.Train(young.Step + 1, loss: 0.1);
                        young.Train(young.Step + 1, loss: null);
                    }

                    written = young.Written();
                }
            };

            var failure = Record.Exception(() => Act(old, action));

            files.Meanwhile = (_, _) => { };
            if (failure is not null)
            {
                Assert.Equal(ExitCode.Cluster, Assert.IsType<RnnLmException>(failure).ExitCode);
                Assert.Contains("was taken over by process 1 on host", failure.Message, StringComparison.Ordinal);
                losses++;
            }

            isThrough = young is null;
            if (young is not null)
            {
                RequireInForce(young, written);
                young.Dispose();
                RequireOpensCleanly(young, directory["run"]);
            }
        }

        // The last operations are behind the last check.
        Assert.InRange(losses, 20, 1000);
    }

    /// <summary>The one operation of the old holder that comes too late falls into the young one's taking over.
    /// </summary>
    [Theory]
    [InlineData("checkpoints")]
    [InlineData("taking over")]
    [InlineData("setting aside")]
    public void A_stopped_holder_that_goes_on_while_its_successor_takes_the_run_over_does_not_stop_that(string action)
    {
        int cases = 0;
        bool isStopped = true;
        for (int rename = 0; isStopped; rename++)
        {
            bool isReached = true;
            for (int operation = 0; isStopped && isReached; operation++)
            {
                using var directory = new TemporaryDirectory(isInMemory: true);
                Begin(directory["run"]);
                var files = new FaultyFiles();
                using var old = new Holder(files, directory["run"]);
                Prepare(old, action);
                using var stop = new Stop(files, at: rename, () => Act(old, action));
                isStopped = stop.IsStopped;
                isReached = false;
                var youngFiles = new FaultyFiles();
                using var young = new Holder(youngFiles, directory["run"]);
                int count = 0;
                youngFiles.Meanwhile = (_, path) =>
                {
                    if (path.Contains("checkpoints", StringComparison.Ordinal) && count++ == operation)
                    {
                        isReached = true;
                        stop.GoOn();
                    }
                };

                young.Resume();

                stop.GoOn();
                youngFiles.Meanwhile = (_, _) => { };
                RequireInForce(young, young.Written());
                young.Dispose();
                RequireOpensCleanly(young, directory["run"]);
                cases++;
            }
        }

        Assert.InRange(cases, 100, 2000);
    }

    private static void Begin(string run)
    {
        using var first = new Holder(FileOperations.Default, run);
        first.Resume();
        first.Train(to: 1, loss: 5);
        first.Train(to: 2, loss: 6);
    }

    private static void Prepare(Holder old, string action)
    {
        if (action != "taking over")
        {
            old.Resume();
        }

        if (action is "the same step again" or "setting aside")
        {
            old.Train(to: 3, loss: null);
        }

        if (action == "setting aside")
        {
            old.Train(to: 4, loss: null);
            File.Delete(Path.Combine(old.Root, "final", "DONE"));
        }
    }

    private static void Act(Holder old, string action)
    {
        switch (action)
        {
            case "checkpoints":
                old.Train(to: 3, loss: 4);
                old.Train(to: 4, loss: null);
                break;
            case "the same step again":
                old.Save(loss: 1);
                old.Save(loss: 0.5);
                break;
            default:
                old.Resume();
                break;
        }
    }

    private static void RequireInForce(Holder young, Dictionary<string, string> written)
    {
        Assert.Equal(written, young.Written());
        var reader = RunDirectory.Open(young.Root);
        Assert.Equal(young.Incarnation, (long)reader.ReadConfig()["incarnation"]!);
        Assert.Equal(young.LedgerChain, reader.ReadLedger().Chain);
        Assert.Null(reader.ReadLedger().Damage);
        var newest = reader.Checkpoints.FindNewest();
        Assert.Empty(newest.Damaged);
        Assert.Equal((young.Step, young.LedgerChain), (newest.Newest!.State.Step, newest.Newest.State.Ledger));
        Assert.Equal($".{young.Incarnation}", Path.GetExtension(newest.Newest.Path));
        young.RequireHolds();
    }

    private static void RequireOpensCleanly(Holder young, string run)
    {
        using var third = new Holder(FileOperations.Default, run);
        third.Resume();
        Assert.Equal((young.Step, 0), (third.Step, third.RemovedMetrics));
        third.Train(third.Step + 1, loss: null);
        Assert.Equal([0L, young.Best, third.Step], RunDirectory.Open(run).Checkpoints.Steps());

        // Everything of the holders before is gone, and people find what the program finds.
        string own = $".{third.Incarnation}";
        string best = $"step-{young.Best:D8}{own}";
        string last = $"step-{third.Step:D8}{own}";
        Assert.Equal(
            new[]
            {
                "best", "checkpoints", "config.json", $"config{own}.json", "final", $"lease{own}", "lease.lock",
                "ledger.json", $"ledger{own}.json", "metrics.jsonl", $"metrics{own}.jsonl", "tokenizer",
                $"step-00000000{own}", best, last,
            }.Order(),
            Directory.GetFileSystemEntries(run).Concat(Directory.GetDirectories(Path.Combine(run, "checkpoints")))
                .Select(path => Path.GetFileName(path))
                .Where(name => !name.Contains("damaged", StringComparison.Ordinal))
                .Order());
        Assert.Equal(
            [
                $"checkpoints/{best}", $"config{own}.json", $"checkpoints/{last}", $"ledger{own}.json",
                $"metrics{own}.jsonl",
            ],
            new[] { "best", "config.json", "final", "ledger.json", "metrics.jsonl" }
                .Select(link => new FileInfo(Path.Combine(run, link)).LinkTarget));
    }

    /// <summary>A thread of a holder that waits before one of its renames until it is let go on.</summary>
    private sealed class Stop : IDisposable
    {
        private readonly ManualResetEventSlim _goesOn = new();
        private readonly Task _action;

        public Stop(FaultyFiles files, int at, Action action)
        {
            var stopped = new TaskCompletionSource();
            int count = 0;
            files.Meanwhile = (operation, _) =>
            {
                if (operation == FileOperation.Rename && count++ == at)
                {
                    stopped.SetResult();
                    _goesOn.Wait();
                }
            };
            _action = Task.Run(action);
            IsStopped = Task.WaitAny(stopped.Task, _action) == 0;
        }

        /// <summary>Whether it has so many renames.</summary>
        public bool IsStopped { get; }

        /// <summary>Returns when the holder has ended.</summary>
        public void GoOn()
        {
            _goesOn.Set();
            var failure = Record.Exception(_action.Wait);
            Assert.True(failure?.InnerException is null or RnnLmException { ExitCode: ExitCode.Cluster }, $"{failure}");
        }

        public void Dispose() => _goesOn.Dispose();
    }

    /// <summary>What a training process does to its run, by steps of one ledger entry and one line of metrics.
    /// </summary>
    private sealed class Holder : IDisposable
    {
        private readonly RunDirectory _run;
        private readonly Lease _lease;
        private CheckpointStore _store = null!;
        private LedgerWriter? _ledger;
        private MetricsLog? _metrics;

        public Holder(FileOperations files, string root)
        {
            _run = RunDirectory.CreateOrOpen(files, root);
            File.Delete(Path.Combine(root, "lease.lock"));
            _lease = _run.TakeLease(TestRun.Holder(1));
        }

        public string Root => _run.Root;

        public long Incarnation => _lease.Incarnation;

        public long Step { get; private set; }

        public long Best => _store.BestStep!.Value;

        public LedgerChain LedgerChain => _ledger!.Chain;

        public int RemovedMetrics => _metrics!.RemovedLines;

        public void Resume()
        {
            Close();
            _run.WriteTokenizer(_lease, [("words.txt", [1])]);
            _run.WriteConfig(_lease, new JsonObject { ["incarnation"] = Incarnation });
            _store = _run.OpenCheckpoints(_lease);
            var newest = _store.FindNewest().Newest?.State;
            Step = newest?.Step ?? 0;
            _ledger = _run.OpenLedger(_lease, Step, newest?.Ledger ?? LedgerChain.Empty);
            _metrics = _run.OpenMetrics(_lease, Step);
            if (newest is null)
            {
                Save(loss: null);
            }
        }

        public void Train(long to, double? loss)
        {
            for (; Step < to; Step++)
            {
                _ledger!.Append([new LedgerEntry(Step, (ulong)Step, 1, false)]);
                _metrics!.Append(json => json.WriteNumber("step", Step));
            }

            Save(loss);
        }

        public void Save(double? loss)
        {
            _metrics!.Flush(toDisk: true);
            var snapshot = TestRun.Snapshot(Step, loss, Incarnation);
            _store.Save(snapshot with { State = snapshot.State with { Ledger = LedgerChain } });
            _store.Prune(new RetentionPolicy(1));
        }

        public void RequireHolds() => _lease.Verify();

        /// <summary>The bytes of all files of this incarnation.</summary>
        public Dictionary<string, string> Written() =>
            Directory.GetFiles(Root).Concat(Directory.GetDirectories(Path.Combine(Root, "checkpoints"))
                    .SelectMany(Directory.GetFiles))
                .Where(path => path[Root.Length..].Contains($".{Incarnation}", StringComparison.Ordinal))
                .ToDictionary(path => path, path => Convert.ToHexString(File.ReadAllBytes(path)));

        public void Dispose()
        {
            Close();
            _lease.Dispose();
        }

        private void Close()
        {
            _ledger?.Dispose();
            _metrics?.Dispose();
        }
    }
}
