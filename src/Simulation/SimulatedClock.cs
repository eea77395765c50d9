namespace RnnLm.Simulation;

/// <summary>The clock and the timers of a simulated process, for code that waits by a <see cref="TimeProvider"/>.
/// </summary>
/// <param name="process">Whose.</param>
internal sealed class SimulatedClock(SimulatedProcess process) : TimeProvider
{
    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => process.Clock;

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(process, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(SimulatedProcess process, Action elapse) : ITimer
    {
        private int _changes;

        /// <inheritdoc/>
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            int change = ++_changes;
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                process.PostByOwnClock(dueTime, () =>
                {
                    if (change == _changes)
                    {
                        elapse();
                    }
                });
            }

            return true;
        }

        /// <inheritdoc/>
        public void Dispose() => _changes++;

        /// <inheritdoc/>
        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
