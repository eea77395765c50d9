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

    /// <summary>A device that fails at its n-th range.</summary>
    private sealed class FailingDevice(IDevice inner, int failAt) : IDevice
    {
        private int _ranges;

        public int Threads => inner.Threads;

        public void Submit(DeviceWork work, Action<Message> answer, Action<Exception> fail)
        {
            if (work is ComputeRange && ++_ranges >= failAt)
            {
                fail(new InvalidOperationException("the device is lost"));
            }
            else
            {
                inner.Submit(work, answer, fail);
            }
        }

        public void Dispose() => inner.Dispose();
    }

    /// <summary>A device that computes and answers everything twice.</summary>
    private sealed class RepeatingDevice(IDevice inner) : IDevice
    {
        public int Threads => inner.Threads;

        public void Submit(DeviceWork work, Action<Message> answer, Action<Exception> fail)
        {
            switch (work)
            {
                case ComputeLoss loss:
                    inner.Submit(loss with { Version = loss.Version.Retain() }, answer, fail);
                    break;
                case ComputeRange range:
                    inner.Submit(range with { Version = range.Version.Retain() }, answer, fail);
                    break;
            }

            inner.Submit(work, answer, fail);
        }

        public void Dispose() => inner.Dispose();
    }
}
