namespace RnnLm.Coordinator;

/// <summary>The books of one step: its shards, who was asked for which ranges, and the sums that came back.</summary>
/// <param name="step">Its number: the version of the parameters it reads.</param>
/// <param name="shards">The plan's shards.</param>
/// <param name="shardHashes">Their hashes.</param>
public sealed class StepInProgress(long step, IReadOnlyList<ShardTokens> shards, ulong[] shardHashes)
{
    private readonly SortedDictionary<string, Share> _shares = new(StringComparer.Ordinal);
    private readonly List<(ActorId Worker, ShardRange Range, string Cause)> _failures = [];

    /// <summary>How often each worker was asked for a range, also one that was withdrawn: what it has begun is not begun
    /// again under the same number.</summary>
    private readonly Dictionary<(ActorId Worker, ShardRange Range), int> _attempts = [];

    /// <summary>The step's number: the version of the parameters it reads.</summary>
    public long Step { get; } = step;

    /// <summary>The sums that came back.</summary>
    public ReductionTree<Gradient> Tree { get; private set; } = new(shards.Count);

    /// <summary>S, shards of the step.</summary>
    public int ShardCount => shards.Count;

    /// <summary>Tokens that the step predicts, by the plan.</summary>
    public long TargetCount => shards.Sum(shard => (long)shard.TargetCount);

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
        foreach (var share in _shares.Values)
        {
            share.Compared = null;
        }

        Assign(worker, [range]);
        _shares[worker.Name].Compared = range;
    }

    /// <summary>Who was asked for a range that another has computed; null for nobody.</summary>
    public ActorId? ComparedBy =>
        _shares.Values.FirstOrDefault(share => share.Compared is not null) is { } share ? share.Worker : null;

    /// <summary>The comparison is done, or will not be.</summary>
    public void EndComparison()
    {
        foreach (var share in _shares.Values.Where(share => share.Compared is not null))
        {
            share.Wanted.Remove(share.Compared!.Value);
            share.Compared = null;
        }
    }

    /// <summary>Throws all sums away and asks for everything anew.</summary>
    public void Restart()
    {
        Release();
        Tree = new ReductionTree<Gradient>(shards.Count);
        foreach (var share in _shares.Values)
        {
            share.Wanted.Clear();
            share.Compared = null;
        }
    }

    /// <summary>Takes in that a worker could not compute a range: it is no longer asked for it.</summary>
    public void Fail(ActorId worker, ShardRange range, string cause)
    {
        if (range.End > shards.Count)
        {
            return;
        }

        _failures.Add((worker, range, cause));
        if (_shares.TryGetValue(worker.Name, out var share))
        {
            share.Wanted.Remove(range);
            share.Compared = share.Compared == range ? null : share.Compared;
        }
    }

    /// <summary>
    /// Shards that nobody has computed, of ranges that failed. They are asked for one by one, so that the one at fault
    /// is found.
    /// </summary>
    public IReadOnlyList<int> Suspects =>
    [
        .. _failures.SelectMany(failure => Enumerable.Range(failure.Range.Start, failure.Range.Length)).Distinct()
            .Where(shard => !Tree.IsCovered(new ShardRange(shard, 1))),
    ];

    /// <summary>The workers that failed on a shard, or on a range with it.</summary>
    public IReadOnlySet<ActorId> FailedOn(int shard) => _failures
        .Where(failure => failure.Range.Contains(new ShardRange(shard, 1)))
        .Select(failure => failure.Worker)
        .ToHashSet();

    /// <summary>
    /// The shard that is at fault rather than those who computed it: it failed on two workers, or on all there are.
    /// </summary>
    /// <param name="workers">All there are.</param>
    /// <returns>What to say of it; null while there is none.</returns>
    public string? Poison(IReadOnlyCollection<ActorId> workers)
    {
        ArgumentNullException.ThrowIfNull(workers);
        foreach (var (_, range, cause) in _failures.Where(failure => failure.Range.Length == 1))
        {
            var failedOn = FailedOn(range.Start);
            bool isAlone = workers.Count > 0 && failedOn.IsSupersetOf(workers);
            if ((failedOn.Count > 1 || isAlone) && !Tree.IsCovered(range))
            {
                return $"shard {range} (its examples 0 to {shards[range.Start].ExampleCount - 1}) failed on " +
                    $"{string.Join(" and ", failedOn.Select(worker => worker.Name).Order(StringComparer.Ordinal))}: " +
                    cause;
            }
        }

        return null;
    }

    /// <summary>Takes a worker's ranges away from it without a word: it is gone, or remembers nothing.</summary>
    public void Withdraw(ActorId worker) => _shares.Remove(worker.Name);

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

    /// <summary>Puts a result into the tree, if its tokens are the plan's and nothing covers its range.</summary>
    /// <returns>Null when it is used, else why it is not.</returns>
    public string? Accept(RangeResult result)
    {
        if (!IsOfTheseTokens(result))
        {
            return "wrong tokens";
        }

        var discarded = new List<Gradient>();
        bool isUsed = Tree.Accept(result.Range, result.Gradient, discarded);
        discarded.ForEach(gradient => gradient.Release());
        return isUsed ? null : "duplicate";
    }

    /// <summary>Gives back all sums that are still in the tree.</summary>
    public void Release()
    {
        var discarded = new List<Gradient>();
        Tree.Clear(discarded);
        discarded.ForEach(gradient => gradient.Release());
    }

    private bool IsMissing(Share share, ShardRange range) => share.Compared == range || !Tree.IsCovered(range);

    /// <summary>What one worker was asked for: each range with the number of the attempt.</summary>
    private sealed class Share(ActorId worker)
    {
        public ActorId Worker { get; } = worker;

        /// <summary>What is asked of it now.</summary>
        public SortedDictionary<ShardRange, int> Wanted { get; } = new(Comparer<ShardRange>.Create(
            (left, right) => (left.Start, left.Length).CompareTo((right.Start, right.Length))));

        /// <summary>The range among them that another has computed.</summary>
        public ShardRange? Compared { get; set; }

        /// <summary>What it knows to be asked of it.</summary>
        public Dictionary<ShardRange, int> Told { get; set; } = [];
    }
}
