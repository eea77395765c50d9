namespace RnnLm.Coordinator;

/// <summary>The books of one step: its shards, who was asked for which ranges, and the sums that came back.</summary>
/// <param name="step">Its number: the version of the parameters it reads.</param>
/// <param name="shards">The plan's shards.</param>
/// <param name="shardHashes">Their hashes.</param>
public sealed class StepInProgress(long step, IReadOnlyList<ShardTokens> shards, ulong[] shardHashes)
{
    /// <summary>Why a result is dropped that was computed from other tokens than the plan's.</summary>
    public const string WrongTokens = "wrong tokens";

    private readonly SortedDictionary<string, Share> _shares = new(StringComparer.Ordinal);
    private readonly Failures _failures = new();
    private readonly HashSet<ActorId> _contributors = [];

    /// <summary>Who is asked for which range that another has computed.</summary>
    private (ActorId Worker, ShardRange Range)? _compared;

    /// <summary>Those who were, and have not been lost since.</summary>
    private readonly HashSet<ActorId> _askedToCompare = [];

    /// <summary>How often each worker was asked for a range, also one that was withdrawn: what it has begun is not
    /// begun again under the same number.</summary>
    private readonly Dictionary<(ActorId Worker, ShardRange Range), int> _attempts = [];

    /// <summary>The step's number: the version of the parameters it reads.</summary>
    public long Step { get; } = step;

    /// <summary>The sums that came back.</summary>
    public ReductionTree<Gradient> Tree { get; private set; } = new(shards.Count);

    /// <summary>S, shards of the step.</summary>
    public int ShardCount => shards.Count;

    /// <summary>Tokens that the step predicts, by the plan.</summary>
    public long TargetCount => TargetsOf(new ShardRange(0, shards.Count));

    /// <summary>Examples of the step, by the plan.</summary>
    public int ExampleCount => shards.Sum(shard => shard.ExampleCount);

    /// <summary>The hash of all the step's tokens.</summary>
    public ulong Hash => TokenHash.OfHashes(shardHashes);

    /// <summary>Gives more ranges to a worker.</summary>
    public void Assign(ActorId worker, IReadOnlyList<ShardRange> ranges)
    {
        ArgumentNullException.ThrowIfNull(ranges);
        if (!_shares.TryGetValue(worker.Name, out var share))
        {
            _shares[worker.Name] = share = new Share(worker);
        }

        foreach (var range in ranges)
        {
            int attempt = _attempts.GetValueOrDefault((worker, range)) + 1;
            share.Wanted[range] = _attempts[(worker, range)] = attempt;
        }
    }

    /// <summary>Asks a worker for what it owes once more.</summary>
    public void AskAgain(ActorId worker) => Assign(worker, MissingOf(worker));

    /// <summary>Divides anew; only for a step that nobody has begun.</summary>
    public void ClearAssignments()
    {
        foreach (var share in _shares.Values)
        {
            share.Wanted.Clear();
        }

        _attempts.Clear();
    }

    /// <summary>Asks a worker for a range that another has computed, so that the two can be compared.</summary>
    public void AskToCompare(ActorId worker, ShardRange range)
    {
        ForgetCompared();
        Assign(worker, [range]);
        _compared = (worker, range);
        _askedToCompare.Add(worker);
    }

    /// <summary>Who is asked for a range that another has computed; null for nobody.</summary>
    public ActorId? ComparedBy => _compared?.Worker;

    /// <summary>Whether a worker was asked to compare, and has not been lost since.</summary>
    public bool WasAskedToCompare(ActorId worker) => _askedToCompare.Contains(worker);

    /// <summary>The comparison is done, or will not be.</summary>
    public void EndComparison()
    {
        ForgetCompared();
        _askedToCompare.Clear();
    }

    /// <summary>Throws all sums away and asks for everything anew.</summary>
    public void Restart()
    {
        Release();
        Tree = new ReductionTree<Gradient>(shards.Count);
        EndComparison();
        _failures.Clear();
        foreach (var share in _shares.Values)
        {
            share.Wanted.Clear();
        }
    }

    /// <summary>Takes in that a worker could not compute a range: it is no longer asked for it. False when it was not
    /// just now.</summary>
    public bool Fail(RangeFailed failed)
    {
        ArgumentNullException.ThrowIfNull(failed);
        if (!_shares.TryGetValue(failed.Worker.Name, out var share) ||
            !share.Wanted.TryGetValue(failed.Range, out int attempt) || attempt != failed.Attempt)
        {
            // It comes twice, or is asked of it no more.
            return false;
        }

        _failures.Add(failed.Worker, failed.Range, failed.Cause);
        share.Wanted.Remove(failed.Range);
        _compared = _compared == (failed.Worker, failed.Range) ? null : _compared;
        return true;
    }

    /// <summary>
    /// Shards that nobody has computed, of ranges that failed. They are asked for one by one, so that the one at fault
    /// is found.
    /// </summary>
    public IReadOnlyList<int> Suspects =>
        [.. _failures.Suspects.Where(shard => !Tree.IsCovered(new ShardRange(shard, 1)))];

    /// <summary>Of some workers those to ask for a shard of a range that failed: none on whom it failed while there are
    /// others, and none as often as may be.</summary>
    public IReadOnlyList<Member> AbleTo(int shard, IReadOnlyList<Member> members)
    {
        Func<ActorId, int, bool>[] excluded = [_failures.HasFailed, _failures.HasFailedAlone, _failures.HasFailedTwice];
        return excluded
            .Select(has => members.Where(member => !has(member.Id, shard)).ToArray())
            .FirstOrDefault(able => able.Length > 0, []);
    }

    /// <summary>Why something failed on a worker; null when nothing did.</summary>
    public string? CauseOn(ActorId worker) => _failures.CauseOn(worker);

    /// <summary>The shard that is at fault rather than those who computed it, in words; null while there is none.
    /// </summary>
    /// <param name="all">All workers that there are; null while others may still come.</param>
    public string? Poison(IReadOnlyCollection<ActorId>? all) =>
        _failures.AtFault(all, shard => Tree.IsCovered(new ShardRange(shard, 1))) is var (shard, failure)
            ? $"shard {shard} (its examples 0 to {shards[shard].ExampleCount - 1}) {failure}"
            : null;

    /// <summary>Takes a worker's ranges away from it without a word: it is gone, or remembers nothing.</summary>
    public void Withdraw(ActorId worker)
    {
        _compared = _compared?.Worker == worker ? null : _compared;
        _askedToCompare.Remove(worker);
        _shares.Remove(worker.Name);
    }

    /// <summary>For each worker whose ranges have changed since it was told: all that are missing.</summary>
    public IReadOnlyList<(ActorId Worker, Assign Message)> Changes(long incarnation)
    {
        var changes = new List<(ActorId, Assign)>();
        foreach (var share in _shares.Values)
        {
            var wanted = share.Wanted.Where(entry => IsMissing(share, entry.Key)).ToDictionary();
            var told = share.Told.Where(entry => IsMissing(share, entry.Key)).ToDictionary();
            share.Told = wanted;
            if (wanted.Count != told.Count || wanted.Except(told).Any())
            {
                var ranges = wanted.Select(entry => new AssignedRange(
                    entry.Key, entry.Value, [.. shards.Skip(entry.Key.Start).Take(entry.Key.Length)]));
                changes.Add((share.Worker, new Assign(incarnation, Step, [.. ranges])));
            }
        }

        return changes;
    }

    /// <summary>
    /// The longest runs [start, end) of shards that neither came nor failed nor are asked of these workers.
    /// </summary>
    public IReadOnlyList<(int Start, int End)> RunsNotAskedOf(IEnumerable<ActorId> workers)
    {
        ArgumentNullException.ThrowIfNull(workers);
        var isTaken = new bool[shards.Count];
        for (int shard = 0; shard < isTaken.Length; shard++)
        {
            isTaken[shard] = Tree.IsCovered(new ShardRange(shard, 1));
        }

        foreach (var range in workers.SelectMany(MissingOf))
        {
            isTaken.AsSpan(range.Start, range.Length).Fill(true);
        }

        foreach (int shard in Suspects)
        {
            isTaken[shard] = true;
        }

        var runs = new List<(int Start, int End)>();
        for (int start = 0; start < isTaken.Length; start++)
        {
            int end = start;
            while (end < isTaken.Length && !isTaken[end])
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

    /// <summary>The ranges that were asked of a worker and are missing.</summary>
    public IReadOnlyList<ShardRange> MissingOf(ActorId worker) => _shares.TryGetValue(worker.Name, out var share)
        ? [.. share.Wanted.Keys.Where(range => IsMissing(share, range))]
        : [];

    /// <summary>Whether a shard, or a range with it, is asked of a worker.</summary>
    public bool IsAskedOf(ActorId worker, int shard) => _shares.TryGetValue(worker.Name, out var share) &&
        share.Wanted.Keys.Any(range => range.Contains(new ShardRange(shard, 1)));

    /// <summary>Number of shards that were asked of a worker, whether they came or not.</summary>
    public int ShardsOf(ActorId worker) =>
        _shares.TryGetValue(worker.Name, out var share) ? share.Wanted.Keys.Sum(range => range.Length) : 0;

    /// <summary>Whether a result was computed from the plan's tokens.</summary>
    public bool IsOfTheseTokens(RangeResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var range = result.Range;
        return range.End <= shards.Count &&
            result.TokenHash == TokenHash.OfHashes(shardHashes.AsSpan(range.Start, range.Length));
    }

    /// <summary>Puts a result into the tree, if its tokens are the plan's, by their hash and their number, and nothing
    /// covers its range.</summary>
    /// <returns>Null when it is used, else why it is not.</returns>
    public string? Accept(RangeResult result)
    {
        if (!IsOfTheseTokens(result))
        {
            return WrongTokens;
        }

        if (result.Gradient.TokenCount != TargetsOf(result.Range))
        {
            // The hash is of what it was sent; what it counted is its word alone.
            return WrongTokens;
        }

        var discarded = new List<Gradient>();
        bool isUsed = Tree.Accept(result.Range, result.Gradient, discarded);
        discarded.ForEach(gradient => gradient.Release());
        if (isUsed)
        {
            _contributors.Add(result.Worker);
        }

        return isUsed ? null : "duplicate";
    }

    /// <summary>Whether a result of a worker was used.</summary>
    public bool HasResultOf(ActorId worker) => _contributors.Contains(worker);

    /// <summary>Gives back all sums that are still in the tree.</summary>
    public void Release()
    {
        var discarded = new List<Gradient>();
        Tree.Clear(discarded);
        discarded.ForEach(gradient => gradient.Release());
    }

    private long TargetsOf(ShardRange range) =>
        shards.Skip(range.Start).Take(range.Length).Sum(shard => (long)shard.TargetCount);

    private void ForgetCompared()
    {
        if (_compared is { } compared && _shares.TryGetValue(compared.Worker.Name, out var share))
        {
            share.Wanted.Remove(compared.Range);
        }

        _compared = null;
    }

    private bool IsMissing(Share share, ShardRange range) =>
        _compared == (share.Worker, range) || !Tree.IsCovered(range);

    /// <summary>What one worker was asked for: each range with the number of the attempt.</summary>
    private sealed class Share(ActorId worker)
    {
        public ActorId Worker { get; } = worker;

        /// <summary>What is asked of it now.</summary>
        public SortedDictionary<ShardRange, int> Wanted { get; } = new(Comparer<ShardRange>.Create(
            (left, right) => (left.Start, left.Length).CompareTo((right.Start, right.Length))));

        /// <summary>What it knows to be asked of it.</summary>
        public Dictionary<ShardRange, int> Told { get; set; } = [];
    }
}
