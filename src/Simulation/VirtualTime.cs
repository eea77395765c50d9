namespace RnnLm.Simulation;

/// <summary>
/// The clock of a simulation and all that is due: one thing happens after the other, things of one moment in the order
/// in which they were asked for.
/// </summary>
internal sealed class VirtualTime
{
    private readonly PriorityQueue<Action, (long Ticks, long Number)> _due = new();
    private long _asked;

    /// <summary>Since the simulation began.</summary>
    public TimeSpan Now { get; private set; }

    /// <summary>Things that have happened.</summary>
    public long Events { get; private set; }

    /// <summary>Lets something happen later.</summary>
    public void After(TimeSpan delay, Action happen) =>
        _due.Enqueue(happen, ((Now + delay).Ticks, _asked++));

    /// <summary>Lets the next thing happen; false when nothing is due any more.</summary>
    public bool Advance()
    {
        if (!_due.TryDequeue(out var happen, out var at))
        {
            return false;
        }

        Now = TimeSpan.FromTicks(at.Ticks);
        Events++;
        happen();
        return true;
    }
}
