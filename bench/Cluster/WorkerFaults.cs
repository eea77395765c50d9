using System.Diagnostics;
using RnnLm.Compare;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>
/// A run of <c>train --processes 1</c> with a second worker process that was started by hand, and what becomes of a
/// step when that one is killed, stands still, or has just come. The worker by hand, and not one that <c>train</c>
/// starts, since nobody starts it again: nothing else wants the cores while the step is made good.
/// </summary>
/// <param name="bench">Whose processes they are.</param>
/// <param name="text">What is trained.</param>
internal sealed class WorkerFaults(Bench bench, TrainingText text)
{
    /// <summary>Undisturbed steps with both workers before each fault.</summary>
    private const int StepsBetween = 20;

    /// <summary>The last of them: their median says what a range takes.</summary>
    private const int StepsMeasured = 8;

    /// <summary>A step that is made good takes twice as long as others.</summary>
    private const double LeastTimesAsLong = 1.5;

    /// <summary>So many kills may come too late for the step that they are meant for, for each that does not.</summary>
    private const int MostAttempts = 10;

    /// <summary>The lateness rule of the product.</summary>
    private const double LatenessFactor = 2;
    private const double LeastLatenessSeconds = 0.25;

    private static readonly TimeSpan s_startLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    private int _workers;

    /// <summary>A worker is killed.</summary>
    public IReadOnlyList<Repetition> Killed(int count)
    {
        using var run = Start();
        return Repeat(Recovery.Names[0], count, () =>
        {
            for (int attempt = 1; attempt <= MostAttempts; attempt++)
            {
                if (Kill(run) is { } repetition)
                {
                    return repetition;
                }

                Bench.Say("the worker had done its part of the step when it was killed: once more");
            }

            throw Bench.Failure($"no kill in {MostAttempts} hit a worker in the middle of a step");
        });
    }

    /// <summary>A worker stands still, and goes on when the step is committed.</summary>
    public IReadOnlyList<Repetition> Frozen(int count)
    {
        using var run = Start();
        var worker = run.StartWorker(++_workers);
        return Repeat(Recovery.Names[1], count, () =>
        {
            run.WaitForSteps(StepsBetween);
            double range = run.RangeSeconds(StepsMeasured);
            run.WaitForMiddleOfStep(range);
            worker.Send(Signal.Stop);
            long frozen = Stopwatch.GetTimestamp();
            try
            {
                // The next one, should it have done its part of this.
                var (before, step) = run.WaitForStepWithout(worker.Name, frozen);
                double rule = Math.Max(LatenessFactor * range, LeastLatenessSeconds);
                double into = Math.Max(0, Bench.Seconds(before.At, frozen));
                double compute = ComputeOfHalf(step);
                return new Repetition(
                    Bench.Seconds(before.At, step.At) - Math.Max(rule, into) - compute,
                    new Dictionary<string, double>
                    {
                        ["from the freeze to the commit"] = Bench.Seconds(frozen, step.At),
                        ["from the step's begin to the commit"] = Bench.Seconds(before.At, step.At),
                        ["lateness rule"] = rule,
                        ["of it before the freeze"] = into,
                        ["processor time of the half"] = compute,
                    });
            }
            finally
            {
                worker.Send(Signal.Continue);
            }
        });
    }

    /// <summary>A worker is started.</summary>
    public IReadOnlyList<Repetition> Started(int count)
    {
        using var run = Start();
        return Repeat(Recovery.Names[2], count, () =>
        {
            run.WaitForSteps(StepsBetween);
            var worker = run.StartWorker(++_workers);
            var up = bench.Wait($"{worker.Name} to be up", s_limit, () => worker.LastWith("looks for work at"));
            var joined = run.WaitForJoin(worker.Name);
            var step = run.WaitForStepWith(worker.Name, joined);
            worker.Send(Signal.Terminate);
            run.WaitForLoss(worker.Name);
            bench.WaitUntil($"the end of {worker.Name}", s_limit, () => worker.HasEnded);
            return new Repetition(Bench.Seconds(up.At, step.At), new Dictionary<string, double>
            {
                ["from exec to the first line"] = Bench.Seconds(worker.StartedAt, up.At),
                ["from the first line until it has joined"] = Bench.Seconds(up.At, joined.At),
                ["from exec to the commit"] = Bench.Seconds(worker.StartedAt, step.At),
                ["the step itself"] = step.Seconds,
            });
        });
    }

    /// <summary>Starts a worker and kills it; null when it had done its part of the step by then.</summary>
    private Repetition? Kill(RunWithWorkers run)
    {
        var worker = run.StartWorker(++_workers);
        run.WaitForSteps(StepsBetween);
        double range = run.RangeSeconds(StepsMeasured);
        var before = run.WaitForMiddleOfStep(range);
        worker.Send(Signal.Kill);
        long killed = Stopwatch.GetTimestamp();
        var step = run.WaitForStepAfter(killed);
        run.WaitForLoss(worker.Name);
        worker.End();
        double whole = Bench.Seconds(before.At, step.At);
        if (whole < LeastTimesAsLong * range)
        {
            return null;
        }

        double total = Bench.Seconds(killed, step.At);
        double compute = ComputeOfHalf(step);
        return new Repetition(total - compute, new Dictionary<string, double>
        {
            ["to the commit"] = total,
            ["processor time of the half"] = compute,
            ["into the step"] = Bench.Seconds(before.At, killed),
            ["a range undisturbed"] = range,
        });
    }

    /// <summary>What one worker needs for half of a step; its threads compute side by side.</summary>
    private static double ComputeOfHalf(CommittedStep step) => step.ComputeSeconds / 2 / Machine.HalfOfTheCores;

    private static IReadOnlyList<Repetition> Repeat(string name, int count, Func<Repetition> measure) =>
        [.. Enumerable.Range(1, count).Select(number => Recovery.Done(name, number, count, measure()))];

    private RunWithWorkers Start()
    {
        var train = bench.Start(
            "train",
            [
                "train", "--run", bench.NewPath("run"), .. text.Options(TrainingText.EndlessSteps), "--json",
                "--processes", "1", "--threads", $"{Machine.HalfOfTheCores}",
            ]);
        var run = new RunWithWorkers(bench, train);
        run.WaitForSteps(1, s_startLimit);
        return run;
    }

    /// <summary>The run, and who works for it.</summary>
    private sealed class RunWithWorkers : IDisposable
    {
        private static readonly string[] s_shared =
            ["--seed-node", "--certificates", "--certificate-name", "--threads"];

        private readonly Bench _bench;
        private readonly Child _train;
        private readonly PrintedJournal _journal;
        private readonly List<Child> _workers = [];

        public RunWithWorkers(Bench bench, Child train)
        {
            (_bench, _train, _journal) = (bench, train, new PrintedJournal(train));
        }

        /// <summary>Waits for steps that are committed from now on.</summary>
        public void WaitForSteps(int count, TimeSpan? limit = null)
        {
            _journal.Read();
            int before = _journal.Steps.Count;
            Wait($"{count} steps", limit, () => _journal.Steps.Count >= before + count ? _journal : null);
        }

        /// <summary>The median time of a range, from the begin of a step to its last result, over the last steps.
        /// </summary>
        public double RangeSeconds(int steps) => Statistics.Median(
            _journal.Steps.TakeLast(steps).Select(step => step.Seconds - step.UpdateSeconds));

        /// <summary>Starts a worker and waits until it has joined.</summary>
        public Child StartWorker(int number)
        {
            // What the run's own worker was started with says where the cluster is and who may enter it.
            var own = _bench.Wait(
                "the worker of train",
                s_limit,
                () => OsProcess.WorkersOf(_train.Process.Id) is [var first, ..] ? first : null);
            _bench.Adopt([own]);
            string name = $"by-hand-{number}";
            string[] shared = [.. s_shared.SelectMany(option => new[] { option, own.Option(option)! })];
            var worker = _bench.Start(
                name, ["worker", "--name", name, "--device", "cpu", "--stop-at-end-of-input", .. shared]);
            _workers.Add(worker);
            WaitForJoin(name);
            return worker;
        }

        /// <summary>Waits until a step has been computed for half of the time that it takes.</summary>
        /// <returns>The step before, whose commit was its begin.</returns>
        public CommittedStep WaitForMiddleOfStep(double rangeSeconds)
        {
            WaitForSteps(1);
            var before = _journal.Steps[^1];
            _bench.WaitUntil(
                "the middle of a step",
                s_limit,
                () => Bench.Seconds(before.At, Stopwatch.GetTimestamp()) >= rangeSeconds / 2);
            return before;
        }

        /// <summary>The first step that is committed after a moment.</summary>
        public CommittedStep WaitForStepAfter(long moment) => Wait(
            "the commit of the step in progress", null, () => _journal.Steps.Find(step => step.At > moment));

        /// <summary>The first step after a moment for which a worker was late, and the one before it.</summary>
        public (CommittedStep Before, CommittedStep Step) WaitForStepWithout(string worker, long moment)
        {
            var late = Wait($"{worker} to be late", null, () => _journal.Events.Find(line =>
                line.Name == "ranges_late" && line.Worker == worker && line.At > moment));
            var step = Wait($"step {late.Version}", null, () => _journal.Steps.Find(step => step.Step == late.Version));
            return (_journal.Steps.Find(before => before.Step == step.Step - 1)!, step);
        }

        /// <summary>The first step that was begun after a worker had joined and for which it was not late.</summary>
        public CommittedStep WaitForStepWith(string worker, RunEvent joined)
        {
            bool IsLateFor(CommittedStep step) => _journal.Events.Exists(
                line => line.Name == "ranges_late" && line.Worker == worker && line.Version == step.Step);
            return Wait($"a step with {worker}", null, () =>
                _journal.Steps.Where(step => step.At > joined.At).Skip(1).FirstOrDefault(step => !IsLateFor(step)));
        }

        public RunEvent WaitForJoin(string worker) => WaitForEvent("worker_joined", worker);

        public void WaitForLoss(string worker) => WaitForEvent("worker_lost", worker);

        public void Dispose()
        {
            _workers.ForEach(worker => worker.End());
            _train.End();
        }

        private RunEvent WaitForEvent(string name, string worker) => Wait(
            $"{name} of {worker}",
            null,
            () => _journal.Events.Find(line => line.Name == name && line.Worker == worker));

        private T Wait<T>(string what, TimeSpan? limit, Func<T?> find)
            where T : class => _bench.Wait(what, limit ?? s_limit, () =>
            {
                _journal.Read();
                return find();
            });
    }
}
