namespace RnnLm.Coordinator;

/// <summary>The books of one step: its shards, who was asked for which ranges, and the sums that came back.</summary>
/// <param name="step">Its number: the version of the parameters it reads.</param>
/// <param name="shards">The plan's shards.</param>
/// <param name="shardHashes">Their hashes.</param>
public sealed class StepInProgress(long step, IReadOnlyList<ShardTokens> shards, ulong[] shardHashes)
{
    private readonly SortedDictionary<string, Share> _shares = new(StringComparer.Ordinal);

    /// <summary>The step's number: the version of the parameters it reads.</summary>
    public long Step { get; } = step;

    /// <summary>The sums that came back.</summary>
    public ReductionTree<Gradient> Tree { get; } = new(shards.Count);

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
            share.Wanted[range] = share.Attempts[range] = share.Attempts.GetValueOrDefault(range) + 1;
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
            share.Attempts.Clear();
        }
    }

    /// <summary>Takes a worker's ranges away from it without a word: it is gone, or remembers nothing.</summary>
    public void Withdraw(ActorId worker) => _shares.Remove(worker.Name);

    /// <summary>For each worker whose ranges have changed since it was told: all that are missing.</summary>
    public IReadOnlyList<(ActorId Worker, Assign Message)> Changes(long incarnation)
    {
        var changes = new List<(ActorId, Assign)>();
        foreach (var share in _shares.Values)
        {
            var wanted = share.Wanted.Where(entry => !Tree.IsCovered(entry.Key)).ToDictionary();
            var told = share.Told.Where(entry => !Tree.IsCovered(entry.Key)).ToDictionary();
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

    /// <summary>The longest runs [start, end) of shards that neither came nor are asked of these workers.</summary>
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
        ? [.. share.Wanted.Keys.Where(range => !Tree.IsCovered(range))]
        : [];

    /// <summary>Number of shards that were asked of a worker, whether they came or not.</summary>
    public int ShardsOf(ActorId worker) =>
        _shares.TryGetValue(worker.Name, out var share) ? share.Wanted.Keys.Sum(range => range.Length) : 0;

    /// <summary>Puts a result into the tree, if its tokens are the plan's and nothing covers its range.</summary>
    /// <returns>Null when it is used, else why it is not.</returns>
    public string? Accept(RangeResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var range = result.Range;
        if (range.End > shards.Count ||
            result.TokenHash != TokenHash.OfHashes(shardHashes.AsSpan(range.Start, range.Length)))
        {
            return "wrong tokens";
        }

        var discarded = new List<Gradient>();
        bool isUsed = Tree.Accept(range, result.Gradient, discarded);
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

    /// <summary>What one worker was asked for: each range with how often.</summary>
    private sealed class Share(ActorId worker)
    {
        public ActorId Worker { get; } = worker;

        /// <summary>What is asked of it now.</summary>
        public SortedDictionary<ShardRange, int> Wanted { get; } = new(Comparer<ShardRange>.Create(
            (left, right) => (left.Start, left.Length).CompareTo((right.Start, right.Length))));

        /// <summary>What it knows to be asked of it.</summary>
        public Dictionary<ShardRange, int> Told { get; set; } = [];

        /// <summary>How often it was asked for a range.</summary>
        public Dictionary<ShardRange, int> Attempts { get; } = [];
    }
}
