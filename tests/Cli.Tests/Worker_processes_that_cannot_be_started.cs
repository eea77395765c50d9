using System.Collections.Concurrent;

namespace RnnLm.Cli.Tests;

public sealed class Worker_processes_that_cannot_be_started : IDisposable
{
    private const int Restarts = 9;

    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(2);

    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public async Task Are_tried_again_after_pauses_that_stay_short_and_then_given_up()
    {
        var notices = new ConcurrentQueue<string>();
        var time = new HastyTime([59, 60, .. Enumerable.Repeat(0, Restarts + 1)]);

        // No system takes an argument of a megabyte.
        await using var processes = new WorkerProcesses(
            1, _ => [new string('x', 1 << 20)], Restarts, notices.Enqueue, time);
        processes.Start();
        var stop = await processes.Exhausted.WaitAsync(s_deadline);
        Assert.Equal(ExitCode.Cluster, stop.Reason);
        string reason = stop.WhyNobody!;
        Assert.StartsWith("worker process 0 could not be started (", reason, StringComparison.Ordinal);
        Assert.Equal(
            [
                .. Enumerable.Repeat($"{reason}; it is started again", Restarts + 2),
                $"{reason}; it has ended {Restarts + 1} times, each within a minute of its start, and is given up",
            ],
            notices);
        Assert.Equal(
            [0.1, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10],
            time.Pauses.Select(pause => pause.TotalSeconds));
    }

    [Fact]
    public void Since_their_devices_are_none_leave_nothing_behind()
    {
        using var train = RnnLmProcess.StartWith(
            "TMPDIR", ".", _directory, "train", "--processes", "2", "--device", "cuda:none");
        train.WaitForEnd().Refused(2, "--device cuda:none");
        Assert.Empty(_directory.Everything);
    }

    public void Dispose() => _directory.Dispose();

    /// <summary>Time for one process after the other: pauses are over when they begin.</summary>
    /// <param name="lives">Seconds that each lives.</param>
    private sealed class HastyTime(IReadOnlyList<int> lives) : TimeProvider
    {
        private int _asked;

        public ConcurrentQueue<TimeSpan> Pauses { get; } = [];

        public override long TimestampFrequency => 1;

        /// <summary>Asked for when one is started and when it has ended.</summary>
        public override long GetTimestamp() => _asked++ % 2 == 0 ? 0 : lives[(_asked / 2) - 1];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Pauses.Enqueue(dueTime);
            return base.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
