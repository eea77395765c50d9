namespace RnnLm.Worker;

/// <summary>
/// One range in the making: threads compute its shards in any order and side by side, and whoever fills the second of
/// two siblings adds them, so that the sum is the one the coordinator would make of the single shards.
/// </summary>
internal sealed class RangeComputation(
    ShardRange range, IReadOnlyList<ShardTokens> shards, GradientPool pool, Profiler? profiler = null)
{
    private readonly ReductionTree<Gradient> _tree = new(range.Length);
    private readonly List<Gradient> _discarded = [];
    private int _failures;

    /// <summary>Whether a shard could not be computed: the others need not be.</summary>
    public bool HasFailed => Volatile.Read(ref _failures) > 0;

    /// <summary>Takes in that a shard could not be computed; true for the first.</summary>
    public bool Fail() => Interlocked.Increment(ref _failures) == 1;

    /// <summary>Computes shard <paramref name="index"/> of the range.</summary>
    /// <returns>The sum over the range if this was the last shard missing; it belongs to the caller.</returns>
    public Gradient? ComputeShard(int index, ParameterVersion version, IReplica computer)
    {
        var gradient = pool.Rent();
        try
        {
            using var work = profiler?.Begin($"shard {range.Start + index}", version.Version);
            double before = ThreadTime.ProcessorSeconds;
            computer.ComputeGradient(version, shards[index], gradient);
            gradient.ComputeSeconds = ThreadTime.ProcessorSeconds - before;
        }
        catch
        {
            gradient.Release();
            throw;
        }

        return Reduce(new ShardRange(index, 1), gradient, version.Version);
    }

    /// <summary>Gives back the sums of a range that was not finished; of one that was there are none.</summary>
    public void Abandon()
    {
        lock (_tree)
        {
            _tree.Clear(_discarded);
        }

        _discarded.ForEach(gradient => gradient.Release());
    }

    private Gradient? Reduce(ShardRange node, Gradient gradient, long version)
    {
        bool placed;
        lock (_tree)
        {
            placed = _tree.Accept(node, gradient, _discarded);
        }

        Invariant.Require(placed && _discarded.Count == 0, "each shard of a range is computed once");
        while (true)
        {
            ShardRange parent;
            Gradient left, right;
            lock (_tree)
            {
                if (!_tree.TryTakePair(node, out parent, out left, out right))
                {
                    return node.Length == range.Length ? _tree.TakeRoot() : null;
                }
            }

            using (profiler?.Begin($"add {new ShardRange(range.Start + parent.Start, parent.Length)}", version))
            {
                double before = ThreadTime.ProcessorSeconds;
                GradientSum.Add(left, right);
                left.ComputeSeconds += ThreadTime.ProcessorSeconds - before;
            }

            right.Release();
            lock (_tree)
            {
                _tree.Complete(parent, left);
            }

            node = parent;
        }
    }
}
