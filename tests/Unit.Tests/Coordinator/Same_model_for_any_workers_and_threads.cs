namespace RnnLm.Tests;

public sealed class Same_model_for_any_workers_and_threads
{
    [Fact]
    public async Task Parameters_moments_losses_and_evaluations_are_the_same()
    {
        var (hashes, events) = await SmallJob.TrainAsync(workers: 1, threads: 1);
        double[] losses = [.. events.OfType<StepCommitted>().Select(step => step.MeanLoss)];
        double[] evaluations = [.. events.OfType<Evaluated>().Select(evaluated => evaluated.MeanLoss)];
        Assert.Equal(SmallJob.Steps, losses.Length);
        Assert.Equal(2, evaluations.Length);
        Assert.NotEqual(hashes[0], hashes[1]);
        foreach (var (workers, threads) in new[] { (1, 2), (2, 1), (3, 1), (4, 2), (7, 1) })
        {
            var (otherHashes, otherEvents) = await SmallJob.TrainAsync(workers, threads);
            Assert.Equal(hashes, otherHashes);
            Assert.Equal(losses, otherEvents.OfType<StepCommitted>().Select(step => step.MeanLoss));
            Assert.Equal(evaluations, otherEvents.OfType<Evaluated>().Select(evaluated => evaluated.MeanLoss));
        }
    }

    public static TheoryData<string, bool> EveryCell
    {
        get
        {
            var cases = new TheoryData<string, bool>();
            foreach (string cell in ReferenceCells.All.Keys)
            {
                cases.Add(cell, true);
                cases.Add(cell, false);
            }

            return cases;
        }
    }

    /// <summary>Of every cell, with dropout, whether each example begins with zeros or goes on from the step before:
    /// for any workers and threads, where one fails on the way, and from a checkpoint on.</summary>
    [Theory]
    [MemberData(nameof(EveryCell))]
    public async Task Every_cell_has_the_same_bits(string cell, bool isCarried)
    {
        var model = SmallJob.Model with
        {
            Cell = cell,
            Embedding = 12,
            Dropout = 0.3,
            DropoutSeed = 7,
            CarriedRows = isCarried ? 11 : 0,
        };
        var (hashes, events) = await SmallJob.TrainAsync(workers: 1, threads: 1, model: model);
        double[] evaluations = [.. events.OfType<Evaluated>().Select(evaluated => evaluated.MeanLoss)];
        Assert.Equal(2, evaluations.Length);
        Assert.NotEqual(hashes[0], hashes[1]);
        foreach (var (workers, threads) in new[] { (1, 2), (2, 1), (3, 2), (5, 1) })
        {
            var (others, otherEvents) = await SmallJob.TrainAsync(workers, threads, model: model);
            Assert.Equal(hashes, others);
            Assert.Equal(evaluations, otherEvents.OfType<Evaluated>().Select(evaluated => evaluated.MeanLoss));
        }

        var (afterFailure, _) = await SmallJob.TrainAsync(
            workers: 3,
            threads: 1,
            (index, device) => index == 0 ? new FailingDevice(device, failAt: 3) : device,
            model);
        Assert.Equal(hashes, afterFailure);

        // Step 3 is inside an epoch, so that states go on from it.
        using var run = new TestRun();
        await SmallJob.TrainAsync(workers: 2, threads: 1, model: model, run: run, steps: 3);
        run.Reopen();
        var (resumed, _) = await SmallJob.TrainAsync(workers: 1, threads: 1, model: model, run: run);
        Assert.Equal(hashes[1], resumed[^1]);
    }

    [Fact]
    public async Task What_is_dropped_and_what_is_carried_shows()
    {
        var model = SmallJob.Model with { Cell = "lstm", CarriedRows = 11 };
        var (hashes, _) = await SmallJob.TrainAsync(workers: 1, threads: 1, model: model);
        foreach (var other in new[]
        {
            model with { Dropout = 0.1 }, model with { Dropout = 0.1, DropoutSeed = 1 }, model with { CarriedRows = 0 },
        })
        {
            var (otherHashes, _) = await SmallJob.TrainAsync(workers: 1, threads: 1, model: other);
            Assert.NotEqual(hashes[1], otherHashes[1]);
            hashes = otherHashes;
        }
    }

    /// <summary>The optimizer has one moment, and evaluations decide its rate.</summary>
    [Fact]
    public async Task With_momentum_and_a_plateau_too_and_from_any_checkpoint_on()
    {
        var optimizer = SmallJob.MomentumWithPlateau;
        var (hashes, events) = await SmallJob.TrainAsync(workers: 1, threads: 1, optimizer: optimizer);
        double[] rates = [.. events.OfType<StepCommitted>().Select(step => step.LearningRate)];
        Assert.InRange(rates.Distinct().Count(), 2, SmallJob.Steps - 1);
        for (int steps = 1; steps < SmallJob.Steps; steps++)
        {
            using var run = new TestRun();
            await SmallJob.TrainAsync(workers: 2, threads: 1, run: run, steps: steps, optimizer: optimizer);
            run.Reopen();
            var (rest, more) = await SmallJob.TrainAsync(workers: 1, threads: 2, run: run, optimizer: optimizer);
            Assert.Equal(rates[steps..], more.OfType<StepCommitted>().Select(step => step.LearningRate));
            Assert.Equal(hashes[1], rest[^1]);
        }
    }

    [Fact]
    public async Task Workers_that_fail_on_the_way_change_no_bit()
    {
        var (hashes, _) = await SmallJob.TrainAsync(workers: 1, threads: 1);
        var (afterFailures, events) = await SmallJob.TrainAsync(
            workers: 3,
            threads: 1,
            (index, device) => index < 2 ? new FailingDevice(device, failAt: 2 + index) : device);
        Assert.Equal(hashes, afterFailures);
        Assert.Equal(2, events.OfType<WorkerLost>().Count());
    }

    [Fact]
    public async Task When_every_worker_has_failed_the_run_ends_and_says_why()
    {
        var failure = await Assert.ThrowsAsync<RnnLmException>(() => SmallJob.TrainAsync(
            workers: 2, threads: 1, (index, device) => new FailingDevice(device, failAt: 2 + index)));
        Assert.Equal(ExitCode.Cluster, failure.ExitCode);
        Assert.Contains("the device is lost", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_result_delivered_twice_counts_once()
    {
        var (hashes, _) = await SmallJob.TrainAsync(workers: 2, threads: 1);
        var (twice, _) = await SmallJob.TrainAsync(workers: 2, threads: 1, (_, device) => new RepeatingDevice(device));
        Assert.Equal(hashes, twice);
    }

    /// <summary>A thread that hangs is late; the other worker computes what it owes.</summary>
    [Fact]
    public async Task A_worker_that_hangs_does_not_stop_the_run()
    {
        var (hashes, _) = await SmallJob.TrainAsync(workers: 1, threads: 1);
        using var hangs = new ManualResetEventSlim();
        using var end = new ManualResetEventSlim();

        // The first goes on to step 1 when the second hangs, so that the second has its share in any case.
        var (withHanging, events) = await SmallJob.TrainAsync(
            workers: 2,
            threads: 1,
            (index, device) => index == 0
                ? new WaitingDevice(device, hangs, IsBehindTheFirstStep, null)
                : new WaitingDevice(device, end, work => work is ComputeRange, hangs));
        Assert.Equal(hashes, withHanging);
        Assert.Contains(events, happened => happened is RangesLate { Worker.Name: "worker-1" });
    }

    [Fact]
    public async Task A_shard_that_no_worker_can_compute_ends_the_run_with_its_name()
    {
        var failure = await Assert.ThrowsAsync<RnnLmException>(() => SmallJob.TrainAsync(
            workers: 2,
            threads: 1,
            (_, device) => new PoisonedDevice(device, (step, shard) => step == 3 && shard == 5)));
        Assert.Equal(ExitCode.BadInput, failure.ExitCode);
        Assert.Contains("step 3 cannot be computed: shard 5", failure.Message, StringComparison.Ordinal);
        Assert.Contains("outside the vocabulary", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_one_worker_cannot_compute_another_does_and_no_bit_changes()
    {
        var (hashes, _) = await SmallJob.TrainAsync(workers: 1, threads: 1);
        using var firstIsAsked = new ManualResetEventSlim();
        using var secondIsAsked = new ManualResetEventSlim();

        // The first joins when the second works, so that it is never alone; the second waits for it after a step.
        var (afterFailures, events) = await SmallJob.TrainAsync(
            workers: 2,
            threads: 2,
            (index, device) => index == 0
                ? new WaitingDevice(
                    new PoisonedDevice(device, (_, _) => true),
                    secondIsAsked,
                    work => work is RunSelfTest,
                    firstIsAsked)
                : new WaitingDevice(device, firstIsAsked, IsBehindTheFirstStep, secondIsAsked));
        Assert.Equal(hashes, afterFailures);
        Assert.NotEmpty(events.OfType<WorkFailed>());
        Assert.All(events.OfType<WorkFailed>(), failed => Assert.Equal(ActorId.Worker(0), failed.Worker));
    }

    private static bool IsBehindTheFirstStep(DeviceWork work) => work is ComputeRange { Version.Version: > 0 };

    /// <summary>A device that gets other tokens than the plan's for some shards: no model has such a token.</summary>
    private sealed class PoisonedDevice(IDevice inner, Func<long, int, bool> isPoisoned) : IDevice
    {
        public int Threads => inner.Threads;

        public void Submit(DeviceWork work, Action<Message> answer) => inner.Submit(
            work is not ComputeRange range ? work : range with
            {
                Shards =
                [
                    .. range.Shards.Select((shard, index) =>
                        isPoisoned(range.Version.Version, range.Range.Start + index)
                            ? new ShardTokens([1, SmallJob.Model.VocabularySize], [0, 2])
                            : shard),
                ],
            },
            answer);

        public void Dispose() => inner.Dispose();
    }

    /// <summary>
    /// A device some of whose work waits for an event, or for its own end. It says when it is asked for a range.
    /// </summary>
    private sealed class WaitingDevice(
        IDevice inner, ManualResetEventSlim goOn, Predicate<DeviceWork> waits, ManualResetEventSlim? isAsked) : IDevice
    {
        private readonly List<Task> _waiting = [];

        public int Threads => inner.Threads;

        public void Submit(DeviceWork work, Action<Message> answer)
        {
            if (work is ComputeRange)
            {
                isAsked?.Set();
            }

            if (!waits(work))
            {
                inner.Submit(work, answer);
                return;
            }

            _waiting.Add(Task.Run(() =>
            {
                goOn.Wait();
                inner.Submit(work, answer);
            }));
        }

        public void Dispose()
        {
            goOn.Set();
            Task.WaitAll(_waiting);
            inner.Dispose();
        }
    }

    /// <summary>A device that fails at its n-th range.</summary>
    private sealed class FailingDevice(IDevice inner, int failAt) : IDevice
    {
        private int _ranges;

        public int Threads => inner.Threads;

        public void Submit(DeviceWork work, Action<Message> answer)
        {
            if (work is ComputeRange && ++_ranges >= failAt)
            {
                answer(new DeviceLost(new InvalidOperationException("the device is lost")));
            }
            else
            {
                inner.Submit(work, answer);
            }
        }

        public void Dispose() => inner.Dispose();
    }

    /// <summary>A device that computes and answers everything twice.</summary>
    private sealed class RepeatingDevice(IDevice inner) : IDevice
    {
        public int Threads => inner.Threads;

        public void Submit(DeviceWork work, Action<Message> answer)
        {
            switch (work)
            {
                case ComputeLoss loss:
                    inner.Submit(loss with { Version = loss.Version.Retain() }, answer);
                    break;
                case ComputeRange range:
                    inner.Submit(range with { Version = range.Version.Retain() }, answer);
                    break;
            }

            inner.Submit(work, answer);
        }

        public void Dispose() => inner.Dispose();
    }
}
