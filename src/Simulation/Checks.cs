using System.Text.Json.Nodes;
using RnnLm.Coordinator;
using RnnLm.Storage;

namespace RnnLm.Simulation;

/// <summary>Holds a simulated run against the serial reference and against what the product promises.</summary>
internal sealed class Checks(World world)
{
    private readonly Dictionary<SimulatedCoordinator, long> _versions = [];
    private readonly HashSet<long> _written = [];
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
            _ => happened.GetType().Name,
        });
        switch (happened)
        {
            case StepCommitted step:
                world.Note(coordinator.Process.Name, $"committed step {step.Step}");
                var expected = Reference[(int)step.Step];
                Require(step.TokenHash == expected.TokenHash, $"step {step.Step} is made of the plan's tokens");
                Require(SameBits(step.MeanLoss, expected.MeanLoss), $"the loss of step {step.Step} is the reference's");
                Require(_versions[coordinator] == step.Step, "steps follow one after another");
                _versions[coordinator] = step.Step + 1;
                break;
            case Evaluated evaluated:
                Require(
                    SameBits(evaluated.MeanLoss, Reference[(int)evaluated.Version].ValidationLoss ?? double.NaN),
                    $"the validation loss of version {evaluated.Version} is the reference's");
                break;
            case ResultDropped { Reason: "wrong tokens" }:
                world.Violation("no result is computed from other tokens than the plan's");
                break;
            case CheckpointFailed:
                _hasStorageFailed = true;
                break;
        }
    }

    /// <summary>A state is about to be written.</summary>
    public void Saved(TrainingState state) => Require(
        SimulatedJob.HashOf(state) == Reference[(int)state.Version].Hash,
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
        world.Count(failure is null ? "end: done" : $"end: {(failure as RnnLmException)?.ExitCode}");
        var process = coordinator.Process;
        long version = _versions.GetValueOrDefault(coordinator);
        bool isGiven = failure switch
        {
            null => version == world.Scenario.TotalSteps,
            RnnLmException { ExitCode: ExitCode.Storage } => process.HasDiskFailed || process.WasFrozen,
            // In one process there is nobody to wait for when all devices hang.
            RnnLmException { ExitCode: ExitCode.Cluster } => world.IsSuperseded(coordinator) ||
                (world.Scenario.IsOneProcess && world.Has(Faults.Slow)),
            RnnLmException { ExitCode: ExitCode.Terminated } => coordinator.WasStopped,
            _ => false,
        };
        Require(isGiven, $"a run ends for a reason that was given to it: {failure}");
        _hasStorageFailed |= failure is RnnLmException { ExitCode: ExitCode.Storage };
        if (failure is null or RnnLmException { ExitCode: ExitCode.Terminated })
        {
            Require(_written.Contains(version), $"version {version}, said to be saved, is on the disk");
        }
    }

    /// <summary>A process has come to its end in peace: only the last state is still held.</summary>
    public void Released(SimulatedProcess process, bool isCoordinator)
    {
        int state = isCoordinator ? 3 : 0;
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
        long total = world.Scenario.TotalSteps;
        var newest = run.Checkpoints.FindNewest();
        Require(newest.Damaged.Count == 0 && newest.Newest?.State.Step == total, "the last version is on the disk");
        if (world.Broken is not null)
        {
            return;
        }

        var job = world.Scenario.Job;
        using var pool = new FloatBufferPool(job.Layout.Length);
        var state = StoredState.Read(newest.Newest!, job.Layout, pool);
        Require(SimulatedJob.HashOf(state) == Reference[(int)total].Hash, "the last version has the reference's bits");
        Require(
            SameBits(
                newest.Newest!.State.ValidationLoss ?? double.NaN, Reference[(int)total].ValidationLoss ?? double.NaN),
            "the last checkpoint has its validation loss");
        var ledger = run.ReadLedger();
        Require(ledger.Entries.Count == total, $"the ledger has {total} steps, it has {ledger.Entries.Count}");
        for (int step = 0; step < total && world.Broken is null; step++)
        {
            Require(
                ledger.Entries[step].Step == step && ledger.Entries[step].TokenHash == Reference[step].TokenHash,
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
                    SameBits((double)line["loss"]!, Reference[step].MeanLoss),
                    $"the metrics have the reference's loss of step {step}");
            }
        }

        var all = Enumerable.Range(0, (int)world.Scenario.TotalSteps).Select(step => (long)step);
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
        if (_hasStorageFailed || Reference[0].ValidationLoss is null)
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
        BitConverter.DoubleToInt64Bits(left) == BitConverter.DoubleToInt64Bits(right);

    private void Require(bool holds, string promise)
    {
        if (!holds)
        {
            world.Violation(promise);
        }
    }
}
