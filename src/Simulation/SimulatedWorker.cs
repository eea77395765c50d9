using RnnLm.Worker;

namespace RnnLm.Simulation;

/// <summary>A worker: its behaviour, and a device that takes virtual time.</summary>
internal sealed class SimulatedWorker : SimulatedActor
{
    /// <summary>How often a worker looks whether its coordinator still is the run's.</summary>
    private static readonly TimeSpan Check = TimeSpan.FromSeconds(5);

    /// <summary>A worker that has nothing to do and hears nothing for so long says again that it is there.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(40);

    private static readonly ArithmeticReplica s_replica = new();

    private readonly List<Job> _queue = [];
    private readonly double _slowness;
    private readonly int _threads;
    private (long Incarnation, long Version) _newest;
    private int _running;
    private Join? _join;
    private SimulatedCoordinator? _joined;
    private TimeSpan _heard;
    private TimeSpan _hangsUntil;
    private double _slowedBy = 1;

    public SimulatedWorker(World world, SimulatedProcess process, ActorId id)
        : base(world, process, id)
    {
        _threads = world.Dice.Between(1, 3);
        _slowness = world.Dice.Chance(0.2) ? world.Dice.Between(1, 6) : 1;
        Behaviour = new WorkerBehaviour(id, _threads);
    }

    /// <summary>Whether its device has anything in hand.</summary>
    public bool IsComputing => _running + _queue.Count > 0;

    /// <summary>Who leads the run, as far as this worker has been told.</summary>
    public SimulatedCoordinator? Coordinator { get; set; }

    protected override IBehaviour Behaviour { get; }

    public void Start()
    {
        Deliver(new Started());
        Process.PostByOwnClock(Check, LookAround);
    }

    /// <summary>The device does nothing for a while.</summary>
    public void Hang(TimeSpan time)
    {
        _hangsUntil = World.Time.Now + time;
        World.Note(Id.Name, $"device hangs for {time.TotalSeconds:F1} s");
    }

    /// <summary>The device is slower for a while.</summary>
    public void SlowDown(double times, TimeSpan time)
    {
        _slowedBy = times;
        World.Note(Id.Name, $"device is {times:F0} times slower for {time.TotalSeconds:F1} s");
        World.Time.After(time, () => _slowedBy = 1);
    }

    protected override SimulatedActor? AddressOf(ActorId to) => Coordinator;

    protected override void BeforeMessage(Message message, SimulatedActor? sender) =>
        _heard = sender is null ? _heard : World.Time.Now;

    protected override void Perform(Effect effect)
    {
        switch (effect)
        {
            case RunSelfTest:
                Process.Post(World.Dice.Between(World.Scenario.ShardTime / 4, World.Scenario.ShardTime * 2), Join);
                break;
            case ComputeRange range:
                Enqueue(new Job(
                    (range.Incarnation, range.Version.Version),
                    range.Shards.Count,
                    () => Deliver(Compute(range)),
                    range.Version.Release));
                break;
            case ComputeLoss { Request: var request } loss:
                Enqueue(new Job(
                    (request.Incarnation, loss.Version.Version),
                    1,
                    () => Deliver(new PieceEvaluated(
                        request, s_replica.ComputeLoss(loss.Version, request.Tokens), request.Tokens.TargetCount)),
                    loss.Version.Release));
                break;
            default:
                throw new InvalidOperationException($"a device has no work {effect.GetType().Name}");
        }
    }

    protected override void OnStopped(Exception? failure)
    {
        Drop();
        World.OnDeath(Process);
        CheckReleased();
    }

    /// <summary>A worker that was dismissed holds nothing once its device is idle.</summary>
    private void CheckReleased()
    {
        if (IsStopped && !IsComputing && !World.Scenario.IsOneProcess)
        {
            World.Checks.Released(Process, isCoordinator: false);
        }
    }

    private void Join()
    {
        (_joined, _heard) = (Coordinator, World.Time.Now);
        _join = new Join(Id, _threads, World.SelfTestHash);
        Deliver(new SelfTestDone(World.SelfTestHash));
    }

    /// <summary>
    /// The part of a worker's host that finds the run's coordinator and says again that the worker is there.
    /// </summary>
    private void LookAround()
    {
        if (IsStopped)
        {
            return;
        }

        bool isForgotten = World.Time.Now - _heard > Quiet && !IsComputing;
        if (_join is not null && Coordinator is { } now && (now != _joined || isForgotten))
        {
            (_joined, _heard) = (now, World.Time.Now);
            World.Count("joins again");
            World.Network.Send(this, now, _join);
        }

        Process.PostByOwnClock(Check, LookAround);
    }

    private RangeComputed Compute(ComputeRange range)
    {
        var computation = new RangeComputation(range.Range, range.Shards, Process.Gradients);
        Gradient? sum = null;
        for (int shard = 0; shard < range.Shards.Count; shard++)
        {
            sum = computation.ComputeShard(shard, range.Version, s_replica) ?? sum;
        }

        return new RangeComputed(
            range.Incarnation, range.Version.Version, range.Range, TokenHash.OfRange(range.Shards), sum!);
    }

    /// <summary>Who asks for a newer version needs nothing of the older ones, as on the real device.</summary>
    private void Enqueue(Job job)
    {
        if (job.Version.CompareTo(_newest) > 0)
        {
            _newest = job.Version;
            Drop();
        }

        _queue.Add(job);
        Next();
    }

    private void Drop()
    {
        _queue.ForEach(job => job.Finish());
        _queue.Clear();
    }

    private void Next()
    {
        if (_running >= _threads || _queue.Count == 0)
        {
            return;
        }

        var job = _queue[0];
        _queue.RemoveAt(0);
        _running++;
        double jitter = 0.8 + (0.4 * World.Dice.Fraction());
        var time = World.Scenario.ShardTime * (job.Shards * _slowness * _slowedBy * jitter);
        var hang = _hangsUntil > World.Time.Now ? _hangsUntil - World.Time.Now : TimeSpan.Zero;
        Process.Post(time + hang, () =>
        {
            if (!IsStopped)
            {
                job.Run();
            }

            job.Finish();
            _running--;
            Next();
            CheckReleased();
        });
        Next();
    }

    /// <param name="Version">Of the parameters.</param>
    /// <param name="Shards">How much it is.</param>
    /// <param name="Run">Computes and answers.</param>
    /// <param name="Finish">Gives back what it holds.</param>
    private sealed record Job((long Incarnation, long Version) Version, int Shards, Action Run, Action Finish);
}
