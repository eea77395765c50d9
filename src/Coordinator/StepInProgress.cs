namespace RnnLm.Coordinator;

/// <summary>Why a result was not used.</summary>
public enum Rejection
{
    /// <summary>It was used.</summary>
    None,

    /// <summary>Its range, or one that contains it, is there already.</summary>
    Duplicate,

    /// <summary>It was computed from other tokens than the plan's.</summary>
    WrongTokens,
}

/// <summary>The books of one step: its shards, who was asked for which ranges, and the tree of the sums that came back.</summary>
public sealed class StepInProgress
{
    private readonly IReadOnlyList<ShardTokens> _shards;
    private readonly ulong[] _shardHashes;
    private readonly SortedDictionary<string, (ActorId Worker, List<AssignedRange> Ranges)> _assigned = new(StringComparer.Ordinal);
    private readonly Dictionary<ShardRange, int> _attempts = [];

    /// <summary>A step of which nothing is assigned.</summary>
    /// <param name="step">Its number.</param>
    /// <param name="shards">The plan's shards.</param>
    /// <param name="shardHashes">Their hashes.</param>
    public StepInProgress(long step, IReadOnlyList<ShardTokens> shards, ulong[] shardHashes)
    {
        Step = step;
        _shards = shards;
        _shardHashes = shardHashes;
        Tree = new ReductionTree<Gradient>(shards.Count);
    }

    /// <summary>The step's number: the version of the parameters it reads.</summary>
    public long Step { get; }

    /// <summary>The sums that came back.</summary>
    public ReductionTree<Gradient> Tree { get; }

    /// <summary>Tokens that the step predicts, by the plan.</summary>
    public long TargetCount => _shards.Sum(shard => (long)shard.TargetCount);

    /// <summary>Examples of the step, by the plan.</summary>
    public int ExampleCount => _shards.Sum(shard => shard.ExampleCount);

    /// <summary>The hash of all the step's tokens.</summary>
    public ulong Hash => TokenHash.OfHashes(_shardHashes);

    /// <summary>Forgets who was to compute what; only for a step that nobody has begun.</summary>
    public void ClearAssignments() => _assigned.Clear();

    /// <summary>Gives more ranges to a worker.</summary>
    public void Assign(ActorId worker, IEnumerable<ShardRange> ranges)
    {
        if (!_assigned.TryGetValue(worker.Name, out var entry))
        {
            _assigned[worker.Name] = entry = (worker, []);
        }

        foreach (var range in ranges)
        {
            int attempt = _attempts[range] = _attempts.GetValueOrDefault(range) + 1;
            entry.Ranges.RemoveAll(assigned => assigned.Range == range);
            entry.Ranges.Add(new AssignedRange(range, attempt, [.. _shards.Skip(range.Start).Take(range.Length)]));
        }
    }

    /// <summary>The message with all ranges of a worker that are still missing.</summary>
    public Assign AssignmentOf(ActorId worker, long incarnation) =>
        new(incarnation, Step, [.. RangesOf(worker).Where(assigned => !Tree.IsCovered(assigned.Range))]);

    /// <summary>Takes a worker's ranges away from it.</summary>
    public void Withdraw(ActorId worker) => _assigned.Remove(worker.Name);

    /// <summary>The longest runs [start, end) of shards that neither came back nor are asked of anybody.</summary>
    public IReadOnlyList<(int Start, int End)> UnassignedRuns()
    {
        var taken = new bool[_shards.Count];
        for (int shard = 0; shard < taken.Length; shard++)
        {
            taken[shard] = Tree.IsCovered(new ShardRange(shard, 1));
        }

        foreach (var assigned in _assigned.Values.SelectMany(entry => entry.Ranges))
        {
            taken.AsSpan(assigned.Range.Start, assigned.Range.Length).Fill(true);
        }

        var runs = new List<(int Start, int End)>();
        for (int start = 0; start < taken.Length; start++)
        {
            int end = start;
            while (end < taken.Length && !taken[end])
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

    /// <summary>Workers of whom ranges are missing.</summary>
    public IReadOnlyList<ActorId> Late() =>
        [.. _assigned.Values.Select(entry => entry.Worker).Where(IsMissingAnyOf)];

    /// <summary>Whether a range that was asked of this worker is missing.</summary>
    public bool IsMissingAnyOf(ActorId worker) => RangesOf(worker).Exists(assigned => !Tree.IsCovered(assigned.Range));

    /// <summary>Number of shards in a worker's ranges.</summary>
    public int ShardsOf(ActorId worker) => RangesOf(worker).Sum(assigned => assigned.Range.Length);

    /// <summary>Puts a result into the tree, if its tokens are the plan's and nothing covers its range.</summary>
    public Rejection Accept(RangeResult result, ICollection<Gradient> discarded)
    {
        ArgumentNullException.ThrowIfNull(result);
        var range = result.Range;
        if (range.End > _shards.Count || result.TokenHash != TokenHash.OfHashes(_shardHashes.AsSpan(range.Start, range.Length)))
        {
            return Rejection.WrongTokens;
        }

        return Tree.Accept(range, result.Gradient, discarded) ? Rejection.None : Rejection.Duplicate;
    }

    private List<AssignedRange> RangesOf(ActorId worker) =>
        _assigned.TryGetValue(worker.Name, out var entry) ? entry.Ranges : [];
}
