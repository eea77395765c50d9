namespace RnnLm.Coordinator;

/// <summary>What the coordinator knows of one worker that has joined.</summary>
public sealed class WorkerMember(ActorId id, int threads)
{
    /// <summary>Weight of the newest measurement in the speed; the rest is memory of earlier steps.</summary>
    private const double NewestWeight = 0.3;
    private bool _measured;

    /// <summary>Its address.</summary>
    public ActorId Id { get; } = id;

    /// <summary>Shards it computes side by side.</summary>
    public int Threads { get; } = threads;

    /// <summary>Shards a second, once measured.</summary>
    public double Speed { get; private set; }

    /// <summary>Whether <see cref="Speed"/> was measured.</summary>
    public bool IsMeasured => _measured;

    /// <summary>Takes in that the worker needed <paramref name="elapsed"/> for <paramref name="shards"/> shards.</summary>
    public void Measure(int shards, TimeSpan elapsed)
    {
        if (shards == 0 || elapsed <= TimeSpan.Zero)
        {
            return;
        }

        double newest = shards / elapsed.TotalSeconds;
        Speed = _measured ? (NewestWeight * newest) + ((1 - NewestWeight) * Speed) : newest;
        _measured = true;
    }
}
