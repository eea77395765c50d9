using System.Text.Json.Nodes;
using RnnLm.Coordinator;
using RnnLm.Storage;

namespace RnnLm.Simulation;

/// <summary>Holds a simulated run against the serial reference and against what the product promises.</summary>
internal sealed class Checks(World world)
{
    private readonly Dictionary<SimulatedCoordinator, long> _versions = [];
    private readonly HashSet<long> _written = [];
    private readonly HashSet<(SimulatedCoordinator, long)> _unverified = [];
    private readonly HashSet<(SimulatedCoordinator, ActorId)> _present = [];
    private readonly HashSet<SimulatedCoordinator> _differing = [];
    private readonly HashSet<(long Incarnation, long Step)> _corrupted = [];
    private readonly List<(ActorId Worker, long Incarnation, long Version, string Item)> _failed = [];
    private bool _hasStorageFailed;
    private bool _hasMetricsFailed;

    /// <summary>Newest version of which a coordinator was told that it is on the disk; −1 for none.</summary>
    public long Acknowledged { get; private set; } = -1;

    private IReadOnlyList<ReferenceVersion> Reference => world.Scenario.Job.Reference;

    /// <summary>Looks at what a coordinator reports.</summary>
    public void Observe(SimulatedCoordinator coordinator, TrainingEvent happened)
    {
        world.Count(happened switch
        {
            ResultDropped dropped => $"ResultDropped, {dropped.Reason}",
            WorkerLost lost => $"WorkerLost, {Why(lost)}",
            StepCommitted { IsSkipped: true } => "StepCommitted, skipped",
            _ => happened.GetType().Name,
        });
        switch (happened)
        {
            case StepCommitted step:
                Committed(coordinator, step);
                break;
            case Evaluated evaluated:
                Require(
                    SameBits(evaluated.MeanLoss, Reference[(int)evaluated.Version].ValidationLoss ?? double.NaN),
                    $"the validation loss of version {evaluated.Version} is the reference's");
                break;
            case ResultDropped { Reason: "wrong tokens" } when !world.Has(Faults.Garble):
                world.Violation("no result is computed from other tokens than the plan's");
                break;
            case CheckpointFailed:
                _hasStorageFailed = true;
                break;
            case WorkerRefused refused:
                Require(refused.SelfTestHash == World.ForeignSelfTest, "only who rounds differently is refused");
                break;
            case WorkerJoined joined:
                Require(joined.SelfTestHash == World.SelfTest, "who rounds differently is refused");
                _present.Add((coordinator, joined.Worker));
                break;
            case WorkerLost lost:
                bool canFail = world.Has(Faults.Error) || world.Has(Faults.Poison);
                Require(Why(lost) != "fails" || canFail, "only a worker on which something fails is expelled");
                _present.Remove((coordinator, lost.Worker));
                break;
            case NotVerified unverified:
                _unverified.Add((coordinator, unverified.Step));
                break;
            case ResultsDiffer differ:
                Require(
                    world.Scenario.IsWrong(differ.Worker) || world.Scenario.IsWrong(differ.Second),
                    $"one of {differ.Worker} and {differ.Second} computes wrongly");
                _differing.Add(coordinator);
                break;
        }
    }

    /// <summary>Whether a worker has joined a coordinator and is not lost.</summary>
    public bool IsMember(SimulatedCoordinator coordinator, ActorId worker) => _present.Contains((coordinator, worker));

    /// <summary>The version that a coordinator has come to.</summary>
    public long VersionOf(SimulatedCoordinator coordinator) => _versions.GetValueOrDefault(coordinator);

    /// <summary>A device could not compute a range, or a piece.</summary>
    public void Failed(ActorId worker, long incarnation, long version, string kind, ShardRange range)
    {
        if (range.Length == 1)
        {
            _failed.Add((worker, incarnation, version, $"{kind} {range.Start} "));
        }
    }

    /// <summary>A device has computed a range of a step wrongly.</summary>
    public void Corrupted(long incarnation, long step) => _corrupted.Add((incarnation, step));

    private void Committed(SimulatedCoordinator coordinator, StepCommitted step)
    {
        world.Note(coordinator.Process.Name, $"committed step {step.Step}");
        var expected = Reference[(int)step.Step];
        Require(step.TokenHash == expected.TokenHash, $"step {step.Step} is made of the plan's tokens");
        Require(SameBits(step.MeanLoss, expected.MeanLoss), $"the loss of step {step.Step} is the reference's");
        Require(step.IsSkipped == expected.IsSkipped, $"step {step.Step} is skipped if it is not finite");
        double seconds = world.Scenario.ShardTime.TotalSeconds * world.Scenario.Job.Shards;
        Require(
            Math.Abs(step.ComputeSeconds - seconds) < 1e-9 * seconds,
            $"step {step.Step} has each shard's time once: {seconds} s, not {step.ComputeSeconds}");
        Require(_versions[coordinator] == step.Step, "steps follow one after another");
        _versions[coordinator] = step.Step + 1;
        if (!SameBits(step.GradientNorm, expected.GradientNorm))
        {
            CommittedWrongly(coordinator, step.Step);
        }
    }

    /// <summary>Wrong bits are in a step: that can be only where a device computed them and nobody could compare.
    /// </summary>
    private void CommittedWrongly(SimulatedCoordinator coordinator, long step)
    {
        Require(
            _corrupted.Contains((coordinator.Incarnation, step)),
            $"the gradient norm of step {step} is the reference's");
        Require(
            _unverified.Contains((coordinator, step)),
            $"step {step} is not committed with a wrong sum that could have been compared");
        world.EndWrong();
    }

    private static string Why(WorkerLost lost) =>
        lost.Reason.StartsWith("it said nothing", StringComparison.Ordinal) ? "given up"
            : lost.Reason.StartsWith("it failed", StringComparison.Ordinal) ? "fails"
            : lost.Reason.StartsWith("it and", StringComparison.Ordinal) ? "differs"
            : "gone";

    /// <summary>A state is about to be written.</summary>
    public void Saved(TrainingState state) => Require(
        world.Scenario.Job.HashOf(state) == Reference[(int)state.Version].Hash,
        $"version {state.Version} has the reference's bits when it is saved");

    /// <summary>A writer says that a version is on the disk.</summary>
    public void Written(long version)
    {
        _written.Add(version);
        Acknowledged = Math.Max(Acknowledged, version);
    }

    /// <summary>A coordinator goes on from what it has found.</summary>
    public void Found(SimulatedCoordinator coordinator, CheckpointSearch search, long acknowledged)
    {
        foreach (var damaged in search.Damaged)
        {
            world.Violation($"no checkpoint is damaged: {damaged}");
        }

        long found = search.Newest?.State.Step ?? -1;
        world.Note("checks", $"found step {found}, acknowledged {acknowledged}");
        Require(found >= acknowledged, $"step {acknowledged}, said to be on the disk, is there; found {found}");

        // Who goes on from it relies on it, as if its writer had been told.
        Written(found);
        _versions[coordinator] = Math.Max(0, found);
    }

    /// <summary>A process writes, renames or removes something: nobody touches what a higher incarnation wrote.
    /// </summary>
    public void Changes(SimulatedProcess process, string path)
    {
        if (path.Split('/').Max(IncarnationIn) > world.IncarnationOf(process))
        {
            world.Violation($"{process.Name} leaves alone what a higher incarnation wrote: {path}");
        }
    }

    /// <summary>Metrics could not be written.</summary>
    public void MetricsFailed(RnnLmException failure)
    {
        world.Note("checks", $"metrics: {failure.Message}");
        _hasMetricsFailed = true;
    }

    /// <summary>A coordinator has ended.</summary>
    public void Ended(SimulatedCoordinator coordinator, Exception? failure)
    {
        world.Count($"end: {coordinator.Ending}");
        var process = coordinator.Process;
        long version = _versions.GetValueOrDefault(coordinator);
        var (end, code) = world.Scenario.End;
        bool isGiven = coordinator.Ending switch
        {
            ExitCode.Done => version == end && code == ExitCode.Done,
            ExitCode.Storage => process.HasDiskFailed || process.WasFrozen,

            // In one process there is nobody to wait for when no worker is left.
            ExitCode.Cluster => world.IsSuperseded(coordinator) || _differing.Contains(coordinator) ||
                (world.Scenario.IsOneProcess && !_present.Any(present => present.Item1 == coordinator)),
            ExitCode.Terminated => coordinator.WasStopped,
            ExitCode.BadInput => HasFailedTwice(coordinator, version, failure!.Message),
            ExitCode.Diverged => version == end && code == ExitCode.Diverged,
            _ => false,
        };
        Require(isGiven, $"a run ends for a reason that was given to it: {failure}");
        _hasStorageFailed |= coordinator.Ending == ExitCode.Storage;
        if (coordinator.HasSaved)
        {
            Require(_written.Contains(version), $"version {version}, said to be saved, is on the disk");
        }
    }

    /// <summary>Whether what is named failed by itself on two workers; or twice on one, when no other can still come.
    /// </summary>
    private bool HasFailedTwice(SimulatedCoordinator coordinator, long version, string message)
    {
        bool canBeAlone = world.Scenario.IsOneProcess ||
            coordinator.Age > Roster.FirstSilence * (1 - SimulatedProcess.MostSkew);
        var named = _failed.Where(failure => failure.Incarnation == coordinator.Incarnation &&
            failure.Version == version && message.Contains(failure.Item, StringComparison.Ordinal)).ToArray();
        return named.Length > 1 && (canBeAlone || named.DistinctBy(failure => failure.Worker).Count() > 1);
    }

    /// <summary>A process has come to its end in peace: only the last state is still held.</summary>
    public void Released(SimulatedProcess process, bool isCoordinator)
    {
        int state = isCoordinator ? 1 + world.Scenario.Job.Optimizer.Moments.Count : 0;
        Require(
            process.Gradients.Outstanding == 0,
            $"all gradients of {process.Name} are given back, {process.Gradients.Outstanding} are not");
        Require(
            process.Buffers.Outstanding == state,
            $"all buffers of {process.Name} but {state} are given back, {process.Buffers.Outstanding} are not");
    }

    /// <summary>The run directory at the end.</summary>
    public void Final()
    {
        var reader = new SimulatedFiles(world, new SimulatedProcess(world, "reader"));
        var run = RunDirectory.Open(reader, SimulatedDisk.Run);
        var (total, code) = world.Scenario.End;
        var newest = run.Checkpoints.FindNewest();
        Require(newest.Damaged.Count == 0 && newest.Newest?.State.Step == total, "the last version is on the disk");
        if (world.Broken is not null)
        {
            return;
        }

        var job = world.Scenario.Job;
        using var pool = new FloatBufferPool(job.Layout.BufferLength);
        var state = StoredState.Read(newest.Newest!, job.Layout, job.Optimizer, pool);
        Require(job.HashOf(state) == Reference[(int)total].Hash, "the last version has the reference's bits");
        Require(
            code != ExitCode.Done || SameBits(
                newest.Newest!.State.ValidationLoss ?? double.NaN, Reference[(int)total].ValidationLoss ?? double.NaN),
            "the last checkpoint has its validation loss");
        var ledger = run.ReadLedger();
        Require(ledger.Entries.Count == total, $"the ledger has {total} steps, it has {ledger.Entries.Count}");
        for (int step = 0; step < total && world.Broken is null; step++)
        {
            Require(
                ledger.Entries[step].Step == step && ledger.Entries[step].TokenHash == Reference[step].TokenHash &&
                    ledger.Entries[step].IsSkipped == Reference[step].IsSkipped,
                $"step {step} is in the ledger once, with the plan's tokens");
        }

        CheckMetrics(reader);
        CheckBest(run);
    }

    /// <summary>Each step is in the metrics once, with its loss.</summary>
    private void CheckMetrics(FileOperations files)
    {
        using var metrics = new StreamReader(
            new IncarnationFile(files, SimulatedDisk.Run, "metrics", ".jsonl").OpenRead()!);
        var steps = new List<long>();
        while (metrics.ReadLine() is { } text)
        {
            // What came after the last checkpoint may be torn.
            if (text.StartsWith("{\"step\":", StringComparison.Ordinal) && text.EndsWith('}'))
            {
                var line = JsonNode.Parse(text)!;
                int step = (int)line["step"]!;
                steps.Add(step);
                Require(
                    SameBits((double?)line["loss"] ?? double.NaN, Reference[step].MeanLoss),
                    $"the metrics have the reference's loss of step {step}");
            }
        }

        var all = Enumerable.Range(0, (int)world.Scenario.End.Version).Select(step => (long)step);
        bool isWhole = steps.SequenceEqual(all);
        Require(
            isWhole || (_hasMetricsFailed && steps.Order().Distinct().SequenceEqual(steps)),
            $"each step is in the metrics once, they have {string.Join(", ", steps)}");
    }

    private void CheckBest(RunDirectory run)
    {
        var steps = run.Checkpoints.Steps();
        Require(steps.Contains(0), "step 0 is kept");
        long every = world.Scenario.EvaluateEvery;
        long total = world.Scenario.TotalSteps;
        var due = Enumerable.Range(1, (int)total).Where(step => step == total || (every > 0 && step % every == 0));
        if (_hasStorageFailed || Reference[0].ValidationLoss is null || world.Scenario.End.Code != ExitCode.Done)
        {
            return;
        }

        long best = due.MinBy(step => (Reference[step].ValidationLoss!.Value, step));
        Require(
            run.Checkpoints.Check(best)?.Checkpoint is not null,
            $"the best version, {best}, is kept; there are {string.Join(", ", steps)}");
    }

    /// <summary>The incarnation in the name of a file, directory or what is under construction; 0 when there is none.
    /// </summary>
    private static long IncarnationIn(string name)
    {
        const string Mark = ".tmp-";
        int mark = name.LastIndexOf(Mark, StringComparison.Ordinal);
        string number = mark >= 0 ? name[(mark + Mark.Length)..] : name.Split('.') is [_, var second, ..] ? second : "";
        return CheckpointName.Parse(name)?.Incarnation ??
            (long.TryParse(number, out long incarnation) ? incarnation : 0);
    }

    private static bool SameBits(double left, double right) =>
        (double.IsNaN(left) && double.IsNaN(right)) ||
        BitConverter.DoubleToInt64Bits(left) == BitConverter.DoubleToInt64Bits(right);

    private void Require(bool holds, string promise)
    {
        if (!holds)
        {
            world.Violation(promise);
        }
    }
}
