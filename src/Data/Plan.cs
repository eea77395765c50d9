using System.Numerics;

namespace RnnLm.Data;

/// <summary>
/// The pure function step → the examples of that step, shard by shard. It has no state: any step can be asked for at any time, by any thread.
/// In each epoch every training example comes once, in an order of that epoch's own; an epoch's last step may have fewer examples.
/// </summary>
public sealed class Plan : IStepPlan
{
    private readonly ExampleSet _examples;
    private readonly PlanSettings _settings;

    /// <summary>The plan over training examples.</summary>
    /// <exception cref="RnnLmException">Usage: batch size below 1, or shards not a power of two.</exception>
    public Plan(ExampleSet examples, PlanSettings settings)
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.BatchSize < 1)
        {
            throw RnnLmException.Usage($"--batch {settings.BatchSize}: must be at least 1");
        }

        if (settings.Shards < 1 || !BitOperations.IsPow2(settings.Shards))
        {
            throw RnnLmException.Usage($"--shards {settings.Shards}: must be a power of two, e.g. {BitOperations.RoundUpToPowerOf2((uint)Math.Max(settings.Shards, 1))}");
        }

        _examples = examples;
        _settings = settings;
        StepsPerEpoch = ((examples.Count - 1) / settings.BatchSize) + 1;
    }

    /// <summary>Training examples.</summary>
    public long ExamplesPerEpoch => _examples.Count;

    /// <summary>Steps in which each of them comes once.</summary>
    public long StepsPerEpoch { get; }

    /// <summary>S, shards of a step.</summary>
    public int Shards => _settings.Shards;

    /// <summary>The epoch, from 0, that a step belongs to.</summary>
    public long EpochOf(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return step / StepsPerEpoch;
    }

    /// <summary>Number of examples of a step.</summary>
    public int BatchSizeOf(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return (int)Math.Min(_settings.BatchSize, ExamplesPerEpoch - (step % StepsPerEpoch * _settings.BatchSize));
    }

    /// <summary>The S shards of a step with B examples; shard s has those from s·B/S to (s+1)·B/S, so sizes differ by one at most and some may be empty.</summary>
    public IReadOnlyList<ShardTokens> Step(long step)
    {
        long[] indices = Indices(step);
        var shards = new ShardTokens[Shards];
        for (int shard = 0; shard < shards.Length; shard++)
        {
            int first = Boundary(shard, indices.Length);
            shards[shard] = _examples.Pack(indices.AsSpan(first, Boundary(shard + 1, indices.Length) - first));
        }

        return shards;
    }

    /// <summary>Numbers, in the training set, of the examples of a step.</summary>
    public long[] Indices(long step)
    {
        var order = new CounterPermutation(_settings.Seed, RandomPurpose.EpochShuffle, (ulong)EpochOf(step), ExamplesPerEpoch);
        long first = step % StepsPerEpoch * _settings.BatchSize;
        long[] indices = new long[BatchSizeOf(step)];
        for (int i = 0; i < indices.Length; i++)
        {
            indices[i] = order[first + i];
        }

        return indices;
    }

    private int Boundary(int shard, int examples) => (int)((long)shard * examples / Shards);
}
