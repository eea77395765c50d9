using RnnLm.Coordinator;

namespace RnnLm.Cluster;

/// <summary>
/// The workers of one process, to the coordinator one worker: parameters reach the process once, a range is shared out
/// among its devices by their speeds, and what they return is added along the tree and sent as one sum. To its workers
/// the node is the coordinator.
/// </summary>
/// <remarks>
/// The rules are the coordinator's: a device that is later than twice what was expected of it, and than a quarter of a
/// second, has its shards computed by the others too, and the first result wins; what a lost device had in hand goes to
/// the others; what fails on one another tries, and only then it has failed on the node.
/// </remarks>
/// <param name="self">The node's name.</param>
/// <param name="workers">Names of its workers, one a device.</param>
internal sealed class NodeBehaviour(ActorId self, IReadOnlyCollection<ActorId> workers) : IBehaviour
{
    private const string LateTimer = "late shards";

    private readonly Roster _roster = new();

    /// <summary>Workers that have neither joined nor gone.</summary>
    private readonly HashSet<ActorId> _expected = [.. workers];
    private readonly SortedDictionary<long, Dictionary<ShardRange, Part>> _steps = [];

    /// <summary>Pieces of the validation text that are in hand, and who has them.</summary>
    private readonly Dictionary<int, (Evaluate Piece, ActorId Worker)> _pieces = [];
    private readonly List<Effect> _effects = [];
    /// <summary>Shards of the version in hand that a worker has begun with, and when.</summary>
    private readonly Dictionary<ActorId, (int Shards, DateTimeOffset At)> _begun = [];
    private long _incarnation;
    private long _version = -1;

    /// <summary>Grows with every question to a worker, so that none is taken for an earlier one.</summary>
    private int _attempt;
    private bool _isDismissed;

    /// <summary>Whether the first device that has tested itself again is to be heard by the coordinator.</summary>
    private bool _isRecalled;

    /// <inheritdoc/>
    public IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now)
    {
        if (message is IFromWorker { Worker: var worker } and not Join)
        {
            _roster.Hear(worker, now);
        }

        switch (message)
        {
            case Started: break;
            case Join join: OnJoin(join, now); break;
            case Terminated terminated: OnTerminated(terminated, now); break;
            case Publish publish: OnPublish(publish, now); break;
            case Assign assign: OnAssign(assign, now); break;
            case Evaluate evaluate: OnEvaluate(evaluate); break;
            case RangeResult result: OnRangeResult(result, now); break;
            case PartAdded added: OnAdded(added); break;
            case RangeFailed failed: OnRangeFailed(failed, now); break;
            case EvaluationResult it: OnEvaluated(it, it.Incarnation, it.Version, it.Piece, it.Attempt); break;
            case EvaluationFailed it: OnEvaluated(it, it.Incarnation, it.Version, it.Piece, it.Attempt); break;
            case LateCheck: OnLateCheck(now); break;
            case Recall recall: OnRecall(recall); break;
            case Dismiss dismiss: OnDismiss(dismiss); break;
            default: throw new InvalidOperationException($"a node does not know {message.GetType().Name}");
        }

        Effect[] effects = [.. _effects];
        _effects.Clear();
        return effects;
    }

    private void OnJoin(Join join, DateTimeOffset now)
    {
        bool isNew = _expected.Remove(join.Worker);
        if (isNew)
        {
            _roster.Add(join.Worker, join.Threads, join.SelfTestHash, now);
        }

        if (isNew || _isRecalled)
        {
            _isRecalled = false;
            JoinWhenAllAreThere();
        }
    }

    /// <summary>Devices of one process that round differently are no one kind: the coordinator sees them all.</summary>
    private void JoinWhenAllAreThere()
    {
        if (_expected.Count == 0)
        {
            var hashes = _roster.Members.Select(member => member.SelfTestHash).Distinct().Order(StringComparer.Ordinal);
            ToCoordinator(new Join(self, _roster.Members.Sum(member => member.Threads), string.Join(' ', hashes)));
        }
    }

    private void OnTerminated(Terminated terminated, DateTimeOffset now)
    {
        bool wasExpected = _expected.Remove(terminated.Actor);
        _roster.Remove(terminated.Actor);
        if (_roster.Members.Count == 0 && _expected.Count == 0)
        {
            Follow(long.MaxValue);
            _effects.Add(new StopActor(_isDismissed ? null : terminated.Failure));
            return;
        }

        if (wasExpected)
        {
            JoinWhenAllAreThere();
        }

        foreach (var part in Parts())
        {
            part.Withdraw(terminated.Actor);
        }

        Share(now);
        foreach (var (piece, _) in _pieces.Values.Where(entry => entry.Worker == terminated.Actor).ToArray())
        {
            Give(piece);
        }
    }

    private void OnPublish(Publish publish, DateTimeOffset now)
    {
        if (publish.Incarnation < _incarnation)
        {
            publish.Release();
            return;
        }

        Follow(publish.Incarnation);
        long before = _version;
        _version = publish.Version.Version;
        foreach (long step in _steps.Keys.Where(step => step < _version).ToArray())
        {
            if (step > before && _steps[step].Values.FirstOrDefault() is { } part)
            {
                Miss(step, part.Range, part.Attempt);
            }

            Forget(step);
        }

        foreach (var (piece, _) in _pieces.Where(entry => entry.Value.Piece.Version < _version).ToArray())
        {
            _pieces.Remove(piece);
        }

        _begun.Clear();
        foreach (var member in _roster.Members)
        {
            _effects.Add(new Send(member.Id, publish with { Version = publish.Version.Retain() }));
            Begin(member, now);
        }

        publish.Release();
        WatchTheTime(now);
    }

    private void OnAssign(Assign assign, DateTimeOffset now)
    {
        if (assign.Incarnation < _incarnation)
        {
            return;
        }

        if (assign.Incarnation == _incarnation && assign.Step < _version)
        {
            if (assign.Ranges is [var range, ..])
            {
                Miss(assign.Step, range.Range, range.Attempt);
            }

            return;
        }

        Follow(assign.Incarnation);
        if (!_steps.TryGetValue(assign.Step, out var parts))
        {
            _steps[assign.Step] = parts = [];
        }

        var asked = assign.Ranges.Select(range => range.Range).ToHashSet();
        var withdrawn = parts.Values.Where(part => !asked.Contains(part.Range)).ToArray();
        foreach (var part in withdrawn)
        {
            parts.Remove(part.Range);
            part.Release();
        }

        foreach (var member in _roster.Members.Where(
            member => withdrawn.Any(part => part.AskedOf(member.Id).Any())))
        {
            Tell(member, assign.Step);
        }

        foreach (var range in assign.Ranges)
        {
            if (!parts.TryGetValue(range.Range, out var part) || part.Attempt < range.Attempt)
            {
                part?.Release();
                parts[range.Range] = new Part(assign.Step, range);
            }
        }

        Share(now);
    }

    /// <summary>
    /// The coordinator has gone on before this node had both a step's parameters and its assignment, as happens when
    /// the process stood still. It is taken to be late until it says something, and has nothing else to say.
    /// </summary>
    private void Miss(long step, ShardRange range, int attempt) =>
        ToCoordinator(new RangeFailed(_incarnation, self, step, range, attempt, "the step was over when it came"));

    /// <summary>Shares out, among the workers that are in time, what is asked of none of them and did not come.
    /// </summary>
    private void Share(DateTimeOffset now)
    {
        var members = _roster.InTime;
        if (members.Count == 0)
        {
            return;
        }

        var told = new HashSet<(Member Member, long Step)>();
        foreach (var part in Parts())
        {
            foreach (var (start, end) in part.RunsNotAskedOf(members))
            {
                foreach (var (member, ranges) in members.Zip(
                    ShardDivision.Divide(start, end, Roster.Speeds(members))).Where(share => share.Second.Count > 0))
                {
                    foreach (var range in ranges)
                    {
                        part.Ask(member.Id, range, ++_attempt);
                    }

                    told.Add((member, part.Step));
                }
            }
        }

        foreach (var (member, step) in told)
        {
            if (step == _version)
            {
                Begin(member, now);
            }

            Tell(member, step);
        }

        WatchTheTime(now);
    }

    private void Tell(Member member, long step) => _effects.Add(new Send(member.Id, new Assign(
        _incarnation, step, [.. _steps[step].Values.SelectMany(part => part.AskedOf(member.Id))])));

    /// <summary>A worker has work of the version in hand; what is added while it works is no measure of its speed.
    /// </summary>
    private void Begin(Member member, DateTimeOffset now)
    {
        if (Owed(member) is var owed and > 0)
        {
            member.GivenWork(now);
            if (!_begun.TryAdd(member.Id, (owed, now)))
            {
                _begun.Remove(member.Id);
            }
        }
    }

    private void OnRangeResult(RangeResult result, DateTimeOffset now)
    {
        if (result.Incarnation == _incarnation && result.Step < _version)
        {
            // Too late to be of use, but the coordinator may wait for it to know that this node is not stuck.
            ToCoordinator(result with { Worker = self });
            return;
        }

        if (result.Incarnation != _incarnation || Find(result.Step, result.Range) is not { } part ||
            !part.Accept(result))
        {
            result.Release();
            return;
        }

        if (_roster.Find(result.Worker) is { } member && result.Step == _version && Owed(member) == 0 &&
            _begun.Remove(member.Id, out var begun))
        {
            member.Measure(begun.Shards, now - begun.At);
        }

        Reduce(part, result.Range);
        WatchTheTime(now);
    }

    /// <summary>Adds a sum to its sibling's, off the actor, or sends the sum of the whole part.</summary>
    private void Reduce(Part part, ShardRange range)
    {
        if (part.TakeSum() is { } whole)
        {
            ToCoordinator(new RangeResult(_incarnation, self, part.Step, part.Range, part.Hash, whole));
        }
        else if (part.TryTakePair(range, out var parent, out var left, out var right))
        {
            _effects.Add(new RunWork($"add {parent}", () =>
            {
                GradientSum.Add(left, right);
                right.Release();
                return new PartAdded(part, parent, left);
            }));
        }
    }

    private void OnAdded(PartAdded added)
    {
        var part = added.Part;
        if (Find(part.Step, part.Range) == part && part.Complete(added.Range, added.Sum))
        {
            Reduce(part, added.Range);
        }
        else
        {
            added.Release();
        }
    }

    /// <summary>Another device tries what failed on one; when there is none it has failed on the node.</summary>
    private void OnRangeFailed(RangeFailed failed, DateTimeOffset now)
    {
        if (failed.Incarnation != _incarnation || Find(failed.Step, failed.Range) is not { } part ||
            !part.Fail(failed))
        {
            return;
        }

        if (_roster.Members.FirstOrDefault(member => !part.HasFailed(member.Id, failed.Range)) is { } other)
        {
            part.Ask(other.Id, failed.Range, ++_attempt);
            Begin(other, now);
            Tell(other, part.Step);
            return;
        }

        _steps[failed.Step].Remove(part.Range);
        part.Release();
        ToCoordinator(failed with { Worker = self, Range = part.Range, Attempt = part.Attempt });
    }

    private void OnEvaluate(Evaluate evaluate)
    {
        if (evaluate.Incarnation >= _incarnation)
        {
            Follow(evaluate.Incarnation);
            Give(evaluate);
        }
    }

    private void Give(Evaluate evaluate)
    {
        var idlest = _roster.InTime.MinBy(member =>
            (double)_pieces.Values.Count(entry => entry.Worker == member.Id) / member.Threads);
        if (idlest is not null)
        {
            _pieces[evaluate.Piece] = (evaluate, idlest.Id);
            _effects.Add(new Send(idlest.Id, evaluate));
        }
    }

    private void OnEvaluated(Message message, long incarnation, long version, int piece, int attempt)
    {
        if (incarnation == _incarnation && _pieces.TryGetValue(piece, out var entry) && entry.Piece.Version == version)
        {
            if (entry.Piece.Attempt == attempt)
            {
                _pieces.Remove(piece);
            }

            ToCoordinator(message switch
            {
                EvaluationResult result => result with { Worker = self },
                EvaluationFailed failed => failed with { Worker = self },
                _ => message,
            });
        }
    }

    private void OnLateCheck(DateTimeOffset now)
    {
        foreach (var member in _roster.Members.Where(member => !member.IsLate && DueOf(member) <= now).ToArray())
        {
            member.Late();
        }

        Share(now);
    }

    private void OnRecall(Recall recall)
    {
        if (recall.Incarnation < _incarnation)
        {
            return;
        }

        _isRecalled = true;
        foreach (var worker in _roster.Members)
        {
            _effects.Add(new Send(worker.Id, recall));
        }
    }

    private void OnDismiss(Dismiss dismiss)
    {
        if (dismiss.Incarnation < _incarnation)
        {
            return;
        }

        _isDismissed = true;
        foreach (var worker in _roster.Members.Select(member => member.Id).Concat(_expected))
        {
            _effects.Add(new Send(worker, dismiss));
        }
    }

    /// <summary>Wakes up when the next worker can be late; one alone in time has nobody who would help.</summary>
    private void WatchTheTime(DateTimeOffset now)
    {
        var inTime = _roster.Members.Where(member => !member.IsLate).ToArray();
        if (inTime.Length > 1 && inTime.Min(DueOf) is { } due)
        {
            var after = due > now ? due - now : TimeSpan.Zero;
            _effects.Add(new StartTimer(LateTimer, after, new LateCheck()));
        }
    }

    private DateTimeOffset? DueOf(Member member) =>
        Owed(member) is var owed and > 0 ? _roster.LateAt(member, owed) : null;

    /// <summary>Shards of the version in hand that a worker was asked for and that did not come.</summary>
    private int Owed(Member member) => _steps.TryGetValue(_version, out var parts)
        ? parts.Values.Sum(part => part.AskedOf(member.Id).Sum(asked => asked.Range.Length))
        : 0;

    /// <summary>A newer coordinator replaces what an older one has asked.</summary>
    private void Follow(long incarnation)
    {
        if (incarnation <= _incarnation)
        {
            return;
        }

        _incarnation = incarnation;
        _version = -1;
        _pieces.Clear();
        foreach (long step in _steps.Keys.ToArray())
        {
            Forget(step);
        }
    }

    private void Forget(long step)
    {
        foreach (var part in _steps[step].Values)
        {
            part.Release();
        }

        _steps.Remove(step);
    }

    private IEnumerable<Part> Parts() => _steps.Values.SelectMany(parts => parts.Values);

    private Part? Find(long step, ShardRange range) => _steps.TryGetValue(step, out var parts)
        ? parts.Values.FirstOrDefault(part => part.Range.Contains(range))
        : null;

    private void ToCoordinator(Message message) => _effects.Add(new Send(ActorId.Coordinator, message));

    private sealed record LateCheck : Message;

    /// <summary>Siblings were added.</summary>
    private sealed record PartAdded(Part Part, ShardRange Range, Gradient Sum) : Message
    {
        public override void Release() => Sum.Release();
    }

    /// <summary>The books of one range that the coordinator has asked for.</summary>
    private sealed class Part(long step, AssignedRange asked)
    {
        private readonly ReductionTree<Gradient> _tree = new(asked.Range.Length);
        private readonly Dictionary<(ActorId Worker, ShardRange Range), int> _asked = [];
        private readonly HashSet<(ActorId Worker, ShardRange Range)> _failed = [];
        private readonly ulong[] _hashes = [.. asked.Shards.Select(shard => shard.Hash())];

        public long Step => step;

        public ShardRange Range => asked.Range;

        public int Attempt => asked.Attempt;

        /// <summary>Of the tokens of the whole range.</summary>
        public ulong Hash => TokenHash.OfHashes(_hashes);

        public void Ask(ActorId worker, ShardRange range, int attempt) => _asked[(worker, range)] = attempt;

        /// <summary>Takes in that a worker could not compute what it was asked for last; false when it was not.
        /// </summary>
        public bool Fail(RangeFailed failed)
        {
            var key = (failed.Worker, failed.Range);
            return _asked.TryGetValue(key, out int attempt) && attempt == failed.Attempt && _asked.Remove(key) &&
                _failed.Add(key);
        }

        /// <summary>Whether shards of a range have failed on a worker.</summary>
        public bool HasFailed(ActorId worker, ShardRange range) => _failed.Any(
            key => key.Worker == worker && (key.Range.Contains(range) || range.Contains(key.Range)));

        public IEnumerable<AssignedRange> AskedOf(ActorId worker) => _asked
            .Where(entry => entry.Key.Worker == worker && !_tree.IsCovered(Inside(entry.Key.Range)))
            .Select(entry => new AssignedRange(
                entry.Key.Range,
                entry.Value,
                [.. asked.Shards.Skip(entry.Key.Range.Start - Range.Start).Take(entry.Key.Range.Length)]));

        public void Withdraw(ActorId worker)
        {
            foreach (var key in _asked.Keys.Where(key => key.Worker == worker).ToArray())
            {
                _asked.Remove(key);
            }
        }

        /// <summary>The longest runs [start, end) of shards that neither came nor are asked of these workers.</summary>
        public List<(int Start, int End)> RunsNotAskedOf(IReadOnlyList<Member> members)
        {
            bool IsOpen(int shard) => !_tree.IsCovered(new ShardRange(shard - Range.Start, 1)) &&
                !_asked.Keys.Any(key => key.Range.Start <= shard && shard < key.Range.End &&
                    members.Any(member => member.Id == key.Worker));
            var runs = new List<(int Start, int End)>();
            for (int start = Range.Start; start < Range.End; start++)
            {
                int end = start;
                while (end < Range.End && IsOpen(end))
                {
                    end++;
                }

                if (end > start)
                {
                    runs.Add((start, end));
                    start = end;
                }
            }

            return runs;
        }

        /// <summary>Takes a result in, if it was computed from these tokens: what was asked before may have had others.
        /// </summary>
        public bool Accept(RangeResult result)
        {
            if (result.TokenHash != TokenHash.OfHashes(_hashes.AsSpan(
                result.Range.Start - Range.Start, result.Range.Length)))
            {
                return false;
            }

            var discarded = new List<Gradient>();
            bool isUsed = _tree.Accept(Inside(result.Range), result.Gradient, discarded);
            discarded.ForEach(gradient => gradient.Release());
            return isUsed;
        }

        public Gradient? TakeSum() => _tree.TakeRoot();

        public bool TryTakePair(ShardRange range, out ShardRange parent, out Gradient left, out Gradient right)
        {
            bool isPair = _tree.TryTakePair(Inside(range), out parent, out left, out right);
            parent = isPair ? new ShardRange(parent.Start + Range.Start, parent.Length) : parent;
            return isPair;
        }

        public bool Complete(ShardRange parent, Gradient sum) => _tree.Complete(Inside(parent), sum);

        public void Release()
        {
            var discarded = new List<Gradient>();
            _tree.Clear(discarded);
            discarded.ForEach(gradient => gradient.Release());
        }

        private ShardRange Inside(ShardRange range) => new(range.Start - Range.Start, range.Length);
    }
}
