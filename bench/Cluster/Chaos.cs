using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using RnnLm.Compare;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>
/// <c>bench/chaos</c>: a run of four worker processes of which two a minute are killed or stand still, and the same run
/// undisturbed: how much of what was computed is in the model, how fast it was, and whether it is the same model.
/// </summary>
/// <param name="bench">Whose processes they are.</param>
/// <param name="text">What is trained.</param>
internal sealed class Chaos(Bench bench, TrainingText text)
{
    private const int Workers = 4;
    private const double GoalShare = 0.97;
    private const int TerminatedExitCode = 143;

    private static readonly TimeSpan s_startLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_endLimit = TimeSpan.FromMinutes(2);

    /// <summary>An undisturbed run that takes so many times as long hangs.</summary>
    private const double MostTimesAsLong = 4;

    /// <summary>Disturbs a run for so long, then trains the same steps undisturbed, and prints.</summary>
    public void Run(TimeSpan duration, int seed)
    {
        var disturbed = Disturbed(duration, PlannedFault.Draw(seed, duration, Workers));
        Bench.Say($"undisturbed: {disturbed.StepCount} steps");
        var undisturbed = Undisturbed(disturbed.StepCount, duration);
        bench.Report(figures =>
        {
            figures["seed"] = seed;
            figures["preset"] = text.Preset;
            Print(figures, disturbed, undisturbed);
        });
    }

    private ChaosRun Disturbed(TimeSpan duration, IReadOnlyList<PlannedFault> plan)
    {
        var run = new ChaosRun(bench, text, Workers, TrainingText.EndlessSteps);
        run.WaitForBegin(s_startLimit);
        long began = Stopwatch.GetTimestamp();
        var due = new Queue<PlannedFault>(plan);
        List<(long At, OsProcess Process, Fault Fault)> frozen = [];
        bench.Pass(duration, () =>
        {
            run.Look();
            while (due.TryPeek(out var next) && Bench.Seconds(began, Stopwatch.GetTimestamp()) >= next.AtSeconds)
            {
                due.Dequeue();
                if (run.Strike(next, s_stopLimit) is var (fault, process) && !fault.IsKill)
                {
                    frozen.Add((Bench.After(fault.At, next.FreezeSeconds), process, fault));
                }
            }

            foreach (var thaw in frozen.Where(thaw => thaw.At <= Stopwatch.GetTimestamp()).ToList())
            {
                thaw.Process.Send(Signal.Continue);
                thaw.Fault.Until = Stopwatch.GetTimestamp();
                frozen.Remove(thaw);
            }
        });

        // All stand still while the clocks are read, so that what they computed until then is read whole.
        run.Freeze(s_stopLimit);
        run.Train.Send(Signal.Terminate);
        bench.WaitUntil("the run to stop", s_endLimit, () => run.HasEvent("stopping"));
        run.Thaw();
        bench.WaitUntil("the run's end", s_endLimit, () => run.Train.HasEnded);
        run.Finish(TerminatedExitCode);
        return run;
    }

    private ChaosRun Undisturbed(int steps, TimeSpan duration)
    {
        var run = new ChaosRun(bench, text, Workers, steps);
        run.WaitForBegin(s_startLimit);
        run.Train.MayEnd = true;
        bench.WaitUntil("the end of the undisturbed run", (duration * MostTimesAsLong) + s_endLimit, () =>
        {
            run.Look();
            return run.Train.HasEnded;
        });
        run.Finish((int)ExitCode.Done);
        return run;
    }

    private static void Print(JsonObject figures, ChaosRun disturbed, ChaosRun undisturbed)
    {
        ChaosRun[] runs = [disturbed, undisturbed];
        IReadOnlyList<string> Row(string title, Func<ChaosRun, string> cell) => [title, .. runs.Select(cell)];
        Table.Print(
            ["", "disturbed", "undisturbed"],
            [
                Row("steps", run => $"{run.StepCount:N0}"),
                Row("seconds, first to last step", run => $"{run.WallSeconds:N1}"),
                Row("tokens/s of committed steps", run => $"{run.TokensPerSecond:N0}"),
                Row("processor seconds in the model", run => $"{run.AcceptedSeconds:N1}"),
                Row("processor seconds of device threads", run => $"{run.ComputedSeconds:N1}"),
                Row("of them self-tests", run => $"{run.SelfTestSeconds:N1}"),
                Row("share in the model", run => $"{run.Share:P2}"),
                Row("the same without self-tests", run => $"{run.ShareWithoutSelfTests:P2}"),
                Row("kills", run => $"{run.Faults.Count(fault => fault.IsKill)}"),
                Row("freezes", run => $"{run.Faults.Count(fault => !fault.IsKill)}"),
                Row("worker processes", run => $"{run.ProcessCount}"),
                Row("workers that joined", run => $"{run.CountOf("worker_joined")}"),
                Row("workers lost", run => $"{run.CountOf("worker_lost")}"),
                Row("workers late", run => $"{run.CountOf("ranges_late")}"),
                Row("results dropped", run => run.Dropped),
            ]);
        double seconds = disturbed.WallSeconds - undisturbed.WallSeconds;
        Console.WriteLine(
            $"\ngoodput: {disturbed.TokensPerSecond / undisturbed.TokensPerSecond:P1} of the undisturbed run's; the " +
            $"steps took {seconds:0.0} s longer:");
        double usual = Statistics.Median(undisturbed.Steps.Skip(1).Select(step => step.Seconds));
        var causes = disturbed.Causes(usual);
        Table.Print(
            ["steps", "how many", "seconds beyond the undisturbed median"],
            causes.Select(cause => (IReadOnlyList<string>)
                [cause.Name, $"{cause.Steps}", cause.Seconds.ToString("0.0", CultureInfo.InvariantCulture)]));
        Console.WriteLine(
            $"\nshare in the model: {disturbed.Share:P2}, goal at least {GoalShare:P0}: " +
            $"{(disturbed.Share >= GoalShare ? "reached" : "missed")}");
        Console.WriteLine(
            "without self-tests, over the undisturbed run's: " +
            $"{disturbed.ShareWithoutSelfTests / undisturbed.ShareWithoutSelfTests:P2}");
        bool isSame = disturbed.ModelHash == undisturbed.ModelHash;
        Console.WriteLine($"model.safetensors: {(isSame ? "the same" : "DIFFERENT")}, {disturbed.ModelHash}");
        figures["disturbed"] = disturbed.Figures();
        figures["undisturbed"] = undisturbed.Figures();
        figures["causes"] = new JsonObject(causes.Select(cause => new KeyValuePair<string, JsonNode?>(
            cause.Name, new JsonObject { ["steps"] = cause.Steps, ["seconds"] = Math.Round(cause.Seconds, 3) })));
        figures["same_model"] = isSame;
        if (!isSame)
        {
            Environment.ExitCode = (int)ExitCode.Cluster;
        }
    }
}

/// <summary>One run of <c>train --processes</c>, watched.</summary>
internal sealed class ChaosRun
{
    private readonly Bench _bench;
    private readonly string _run;
    private readonly PrintedJournal _journal;
    private readonly DeviceClocks _clocks;
    private readonly List<Fault> _faults = [];
    private readonly int _workers;
    private double _selfTestSeconds;

    /// <param name="bench">Whose processes they are.</param>
    /// <param name="text">What is trained.</param>
    /// <param name="workers">Worker processes of one thread each.</param>
    /// <param name="steps">Until which step.</param>
    public ChaosRun(Bench bench, TrainingText text, int workers, long steps)
    {
        (_bench, _run, _workers) = (bench, bench.NewPath("run"), workers);
        Train = bench.Start(
            "train",
            [
                "train", "--run", _run, .. text.Options(steps), "--json", "--device", "cpu",
                "--processes", $"{workers}", "--threads", "1", "--min-workers", $"{workers}",
            ]);
        _journal = new PrintedJournal(Train);
        _clocks = new DeviceClocks(bench, Train);
    }

    public Child Train { get; }

    public IReadOnlyList<Fault> Faults => _faults;

    public IReadOnlyList<CommittedStep> Steps => _journal.Steps;

    public int StepCount => Steps.Count;

    public int ProcessCount => _clocks.Workers.Count;

    /// <summary>SHA-256 of the model that was saved last.</summary>
    public string ModelHash { get; private set; } = string.Empty;

    public double WallSeconds => Bench.Seconds(Steps[0].At, Steps[^1].At);

    public double TokensPerSecond => Steps.Skip(1).Sum(step => step.Tokens) / WallSeconds;

    public double AcceptedSeconds => Steps.Sum(step => step.ComputeSeconds);

    public double ComputedSeconds { get; private set; }

    /// <summary>Every thread begins with one self-test.</summary>
    public double SelfTestSeconds => _clocks.Workers.SelectMany(worker => worker.Threads)
        .Sum(seconds => Math.Min(seconds, _selfTestSeconds));

    public double Share => AcceptedSeconds / ComputedSeconds;

    public double ShareWithoutSelfTests => AcceptedSeconds / (ComputedSeconds - SelfTestSeconds);

    public string Dropped =>
        Reasons() is { Count: > 0 } reasons
            ? string.Join(", ", reasons.Select(reason => $"{reason.Value} {reason.Key}"))
            : "0";

    public int CountOf(string name) => _journal.Events.Count(line => line.Name == name);

    public bool HasEvent(string name)
    {
        _journal.Read();
        return CountOf(name) > 0;
    }

    /// <summary>
    /// Waits for the first step. Until then workers that are ready wait for the last one, and what their threads have
    /// had is the self-test.
    /// </summary>
    public void WaitForBegin(TimeSpan limit)
    {
        double[] waiting = [];
        _bench.WaitUntil("the first step", limit, () =>
        {
            Look();
            if (CountOf("worker_joined") == 0)
            {
                waiting = [.. _clocks.Workers.Select(worker => worker.Threads.Sum())];
            }

            return StepCount > 0;
        });

        // The last one may have been read before it was ready.
        _selfTestSeconds = Statistics.Median(waiting.OrderDescending().Take(Math.Max(1, _workers - 1)));
    }

    /// <summary>Takes in what is new.</summary>
    public void Look()
    {
        _journal.Read();
        _clocks.Look();
        foreach (var fault in _faults.Where(fault => fault.IsKill && fault.Until == long.MaxValue))
        {
            fault.Until = _journal.Events.Find(line =>
                line.Name == "worker_joined" && line.Worker == fault.Worker && line.At > fault.At)?.At ?? long.MaxValue;
        }
    }

    /// <summary>Lets a planned fault happen; null when there is no worker process that it could happen to.</summary>
    public (Fault Fault, OsProcess Process)? Strike(PlannedFault planned, TimeSpan stopLimit)
    {
        _clocks.ReadAll();
        var victim = Enumerable.Range(0, _workers)
            .Select(turn => $"worker-{(planned.Worker + turn) % _workers}")
            .Select(name => _clocks.Workers.LastOrDefault(worker =>
                worker.Name == name && worker.Process.IsAlive && !worker.Process.IsStopped && worker.Threads.Count > 0))
            .FirstOrDefault(worker => worker is not null);
        if (victim is null)
        {
            Bench.Say("a fault was left out: no worker process is there for it");
            return null;
        }

        var fault = new Fault(Stopwatch.GetTimestamp(), planned.IsKill, victim.Name);
        victim.Process.Send(Signal.Stop);
        if (planned.IsKill)
        {
            // It stands still while its clocks are read.
            _bench.WaitUntil($"{victim.Name} to stand still", stopLimit, () => victim.Process.IsStopped);
            victim.Find();
            victim.Sample();
            victim.Process.Send(Signal.Kill);
        }

        _faults.Add(fault);
        Bench.Say(planned.IsKill
            ? $"step {StepCount}: {victim.Name} is killed"
            : $"step {StepCount}: {victim.Name} stands still for {planned.FreezeSeconds:0.0} s");
        return (fault, victim.Process);
    }

    /// <summary>Lets all stand still and reads their clocks for the last time.</summary>
    public void Freeze(TimeSpan stopLimit)
    {
        var alive = Alive();
        alive.ForEach(process => process.Send(Signal.Stop));
        _bench.WaitUntil("all to stand still", stopLimit, () => alive.TrueForAll(process => process.IsStopped));
        _clocks.ReadAll();
        ComputedSeconds = _clocks.Seconds;
    }

    /// <summary>Lets all go on.</summary>
    public void Thaw() => Alive().ForEach(process => process.Send(Signal.Continue));

    /// <summary>The run has ended: takes in what it has left.</summary>
    public void Finish(int exitCode)
    {
        if (Train.ExitCode != exitCode)
        {
            throw Bench.Failure($"train ended with exit code {Train.ExitCode}, not {exitCode}: {Train.LastWords}");
        }

        // Lines that were printed just before the end may be on their way.
        string last = exitCode == (int)ExitCode.Done ? "finished" : "stopping";
        _bench.WaitUntil($"the line '{last}'", s_lineLimit, () => HasEvent(last));
        ComputedSeconds = ComputedSeconds > 0 ? ComputedSeconds : _clocks.Seconds;
        using var model = File.OpenRead(Path.Combine(_run, "final", "model.safetensors"));
        ModelHash = Convert.ToHexStringLower(SHA256.HashData(model));
    }

    /// <summary>Where the time went: each step's seconds beyond the usual, by what happened in it.</summary>
    public IReadOnlyList<(string Name, int Steps, double Seconds)> Causes(double usual)
    {
        string Cause(CommittedStep step, long began)
        {
            bool Begins(Fault fault) => fault.At > began && fault.At <= step.At;
            bool Lasts(Fault fault) => fault.At <= step.At && fault.Until > began;
            return _faults.Exists(fault => fault.IsKill && Begins(fault)) ? "in which a worker was killed"
                : _faults.Exists(fault => !fault.IsKill && Begins(fault)) ? "in which a worker began to stand still"
                : _faults.Exists(fault => !fault.IsKill && Lasts(fault)) ? "while a worker stood still"
                : _faults.Exists(fault => fault.IsKill && Lasts(fault)) ? "while a worker was started again"
                : "otherwise";
        }

        return
        [
            .. Steps.Zip(Steps.Skip(1), (before, step) =>
                    (Name: Cause(step, before.At), Seconds: Bench.Seconds(before.At, step.At) - usual))
                .GroupBy(step => step.Name)
                .Select(group => (group.Key, group.Count(), group.Sum(step => step.Seconds)))
                .OrderByDescending(cause => cause.Item3),
        ];
    }

    /// <summary>All figures.</summary>
    public JsonObject Figures() => new()
    {
        ["steps"] = StepCount,
        ["seconds"] = Math.Round(WallSeconds, 3),
        ["tokens_per_second"] = Math.Round(TokensPerSecond, 1),
        ["accepted_seconds"] = Math.Round(AcceptedSeconds, 3),
        ["computed_seconds"] = Math.Round(ComputedSeconds, 3),
        ["self_test_seconds"] = Math.Round(SelfTestSeconds, 3),
        ["share"] = Math.Round(Share, 5),
        ["share_without_self_tests"] = Math.Round(ShareWithoutSelfTests, 5),
        ["kills"] = _faults.Count(fault => fault.IsKill),
        ["freezes"] = _faults.Count(fault => !fault.IsKill),
        ["processes"] = ProcessCount,
        ["joined"] = CountOf("worker_joined"),
        ["lost"] = CountOf("worker_lost"),
        ["late"] = CountOf("ranges_late"),
        ["dropped"] = new JsonObject(Reasons().Select(reason =>
            new KeyValuePair<string, JsonNode?>(reason.Key, reason.Value))),
        ["model_sha256"] = ModelHash,
    };

    private static readonly TimeSpan s_lineLimit = TimeSpan.FromSeconds(5);

    private List<OsProcess> Alive() =>
        [.. _clocks.Workers.Select(worker => worker.Process).Where(process => process.IsAlive)];

    private Dictionary<string, int> Reasons() => _journal.Events.Where(line => line.Name == "result_dropped")
        .GroupBy(line => line.Json.GetProperty("reason").GetString()!)
        .ToDictionary(group => group.Key, group => group.Count());
}
