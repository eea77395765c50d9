using RnnLm.Coordinator;
using RnnLm.Worker;

namespace RnnLm.Simulation;

/// <summary>A device whose work takes virtual time. It can be slow, hang, fail, and compute what is wrong.</summary>
internal sealed class SimulatedDevice : IDevice
{
    private const double FewErrors = 0.02;
    private const double ManyErrors = 0.7;

    private readonly SimulatedWorker _worker;
    private readonly World _world;
    private readonly List<Job> _queue = [];
    private readonly double _slowness;
    private readonly double _errorRate;
    private readonly bool _isForeign;
    private (long Incarnation, long Version) _newest;
    private int _running;
    private TimeSpan _hangsUntil;
    private TimeSpan _slowUntil;
    private double _slowedBy = 1;
    private bool _isLost;

    public SimulatedDevice(SimulatedWorker worker, bool isForeign)
    {
        (_worker, _world, _isForeign) = (worker, worker.World, isForeign);
        var dice = _world.Dice;
        Threads = dice.Between(1, 3);
        _slowness = dice.Chance(0.2) ? dice.Between(1, 6) : 1;
        _errorRate = !_world.Has(Faults.Error) ? 0 : dice.Chance(0.1) ? ManyErrors : FewErrors;
    }

    /// <inheritdoc/>
    public int Threads { get; }

    /// <summary>Whether it has anything in hand.</summary>
    public bool IsComputing => _running + _queue.Count > 0;

    private Scenario Scenario => _world.Scenario;

    /// <inheritdoc/>
    public void Submit(DeviceWork work, Action<Message> answer)
    {
        switch (work)
        {
            case RunSelfTest:
                string hash = _isForeign ? World.ForeignSelfTest : World.SelfTest;
                _worker.Process.Post(
                    _world.Dice.Between(Scenario.ShardTime / 4, Scenario.ShardTime * 2),
                    () => Answer(() => new SelfTestDone(hash), answer));
                break;
            case ComputeRange range:
                Enqueue(new Job(
                    (range.Incarnation, range.Version.Version),
                    range.Shards.Count,
                    () => Answer(() => Compute(range), answer),
                    range.Version.Release));
                break;
            case ComputeLoss loss:
                Enqueue(new Job(
                    (loss.Request.Incarnation, loss.Version.Version),
                    1,
                    () => Answer(() => Compute(loss), answer),
                    loss.Version.Release));
                break;
            default:
                throw new InvalidOperationException($"a device has no work {work.GetType().Name}");
        }
    }

    /// <summary>Does nothing for a while.</summary>
    public void Hang(TimeSpan time)
    {
        _hangsUntil = _world.Time.Now + time;
        _world.Note(_worker.Id.Name, $"device hangs for {time.TotalSeconds:F1} s");
    }

    /// <summary>Is lost: whatever it is asked from now on fails.</summary>
    public void Lose()
    {
        _isLost = true;
        _world.Note(_worker.Id.Name, "device is lost");
    }

    /// <summary>Is slower for a while.</summary>
    public void SlowDown(double times, TimeSpan time)
    {
        (_slowedBy, _slowUntil) = (times, _world.Time.Now + time);
        _world.Note(_worker.Id.Name, $"device is {times:F0} times slower for {time.TotalSeconds:F1} s");
    }

    /// <summary>Forgets what it has not begun.</summary>
    public void Dispose()
    {
        _queue.ForEach(job => job.Finish());
        _queue.Clear();
    }

    private void Answer(Func<Message> compute, Action<Message> answer)
    {
        var message = _isLost ? new DeviceLost(new InvalidOperationException("the device is lost")) : compute();
        if (message is DeviceLost)
        {
            _world.Count(nameof(Faults.Device));
        }
        else if (message is SelfTestDone && _isForeign)
        {
            _world.Count(nameof(Faults.Foreign));
        }

        _worker.Observe(message);
        answer(message);
    }

    private Message Compute(ComputeRange range)
    {
        long step = range.Version.Version;
        if (Error(Scenario.Poison?.IsIn(step, range.Range) == true) is { } cause)
        {
            _world.Checks.Failed(_worker.MemberId, range.Incarnation, step, "shard", range.Range);
            return new RangeNotComputed(range.Incarnation, step, range.Range, range.Attempt, cause);
        }

        var computation = new RangeComputation(range.Range, range.Shards, _worker.Process.Gradients);
        Gradient? sum = null;
        for (int shard = 0; shard < range.Shards.Count; shard++)
        {
            sum = computation.ComputeShard(shard, range.Version, _world.Replica) ?? sum;
        }

        sum!.ComputeSeconds = Scenario.ShardTime.TotalSeconds * range.Shards.Count;
        bool isWrong = IsWrong(step, range.Range, sum);
        if (isWrong)
        {
            _world.Checks.Corrupted(range.Incarnation, step);
        }

        if (!sum.IsIdentity && !float.IsFinite(sum.Dense.Span[0]))
        {
            _world.Count(nameof(Faults.Divergence));
        }

        if (isWrong || (_isForeign && !sum.IsIdentity))
        {
            // Seen in the step's norm, whatever else is in the sum.
            sum.Dense.Span[0] += MathF.ScaleB(1, 30);
        }

        return new RangeComputed(range.Incarnation, step, range.Range, TokenHash.OfRange(range.Shards), sum);
    }

    private Message Compute(ComputeLoss loss)
    {
        var request = loss.Request;
        if (Error(Scenario.Poison?.Piece == request.Piece) is { } cause)
        {
            var piece = new ShardRange(request.Piece, 1);
            _world.Checks.Failed(_worker.MemberId, request.Incarnation, request.Version, "piece", piece);
            return new PieceNotEvaluated(request, cause);
        }

        if (request.States is { } before)
        {
            var (sum, after) = _world.Replica.ComputeLoss(loss.Version, request.Tokens, before);
            return new PieceEvaluated(request, sum, request.Tokens.TargetCount, after);
        }

        return new PieceEvaluated(
            request, _world.Replica.ComputeLoss(loss.Version, request.Tokens), request.Tokens.TargetCount, null);
    }

    /// <summary>Why something cannot be computed; null when it can.</summary>
    private string? Error(bool isPoison)
    {
        if (isPoison)
        {
            _world.Count(nameof(Faults.Poison));
            return "a poison example";
        }

        if (_world.MayFail(Faults.Error) && _world.Dice.Chance(_errorRate))
        {
            _world.Count(nameof(Faults.Error));
            return "an error of the device";
        }

        return null;
    }

    /// <summary>Whether the one device that computes wrongly does so here: where it can be found out.</summary>
    private bool IsWrong(long step, ShardRange range, Gradient sum)
    {
        bool isWrong = _world.MayFail(Faults.Mismatch) && Scenario.IsWrong(_worker.MemberId) && !sum.IsIdentity &&
            step % Scenario.VerifyEvery == 0 &&
            range.Contains(Verification.Chosen(Scenario.Job.Seed, step, Scenario.Job.Shards));
        if (isWrong)
        {
            _world.Count(nameof(Faults.Mismatch));
        }

        return isWrong;
    }

    /// <summary>Who asks for a newer version needs nothing of the older ones, as on the real device.</summary>
    private void Enqueue(Job job)
    {
        if (job.Version.CompareTo(_newest) > 0)
        {
            _newest = job.Version;
            Dispose();
        }

        _queue.Add(job);
        Next();
    }

    private void Next()
    {
        if (_running >= Threads || _queue.Count == 0)
        {
            return;
        }

        var job = _queue[0];
        _queue.RemoveAt(0);
        _running++;
        _worker.Process.Post(TimeFor(job), () =>
        {
            if (!_worker.IsStopped)
            {
                job.Run();
            }

            job.Finish();
            _running--;
            Next();
            _worker.CheckReleased();
        });
        Next();
    }

    private TimeSpan TimeFor(Job job)
    {
        double jitter = 0.8 + (0.4 * _world.Dice.Fraction());
        var time = Scenario.ShardTime * (job.Shards * _slowness * jitter);
        var slow = Left(_slowUntil);
        if (slow + Left(_hangsUntil) > TimeSpan.Zero)
        {
            _world.Count(nameof(Faults.Slow));
        }

        var slowed = time * _slowedBy < slow ? time * _slowedBy : slow + time - (slow / _slowedBy);
        return slowed + Left(_hangsUntil);
    }

    private TimeSpan Left(TimeSpan until) => until > _world.Time.Now ? until - _world.Time.Now : TimeSpan.Zero;

    /// <param name="Version">Of the parameters.</param>
    /// <param name="Shards">How much it is.</param>
    /// <param name="Run">Computes and answers.</param>
    /// <param name="Finish">Gives back what it holds.</param>
    private sealed record Job((long Incarnation, long Version) Version, int Shards, Action Run, Action Finish);
}
