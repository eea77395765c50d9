namespace RnnLm.Data;

/// <summary>
/// Divides examples [0, ExampleCount) into training and held-out ones by whole blocks of neighbours: a pure function of the numbers it is made from, computed
/// example by example, without a list.
/// </summary>
public sealed class HeldOutSplit
{
    private readonly int _blockSize;
    private readonly long _heldOutBlocks;
    private readonly long _blocks;
    private readonly CounterPermutation _order;

    /// <summary>The split of <paramref name="exampleCount"/> examples.</summary>
    /// <param name="exampleCount">At least 1.</param>
    /// <param name="blockSize">Examples that stay together. Those behind the last whole block are for training.</param>
    /// <param name="perMille">Share held out, in thousandths of the blocks, rounded; at least one block is, if any are and training keeps one.</param>
    /// <param name="seed">Chooses the blocks.</param>
    public HeldOutSplit(long exampleCount, int blockSize, int perMille, long seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(exampleCount, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(blockSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(perMille);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(perMille, 1000);
        ExampleCount = exampleCount;
        _blockSize = blockSize;
        _blocks = exampleCount / blockSize;
        long share = (long)((((Int128)_blocks * perMille) + 500) / 1000);
        long mostHeldOut = exampleCount % blockSize > 0 ? _blocks : _blocks - 1;
        _heldOutBlocks = perMille == 0 ? 0 : Math.Min(Math.Max(share, 1), Math.Max(mostHeldOut, 0));
        _order = new CounterPermutation(seed, RandomPurpose.HeldOutSplit, 0, Math.Max(_blocks, 1));
    }

    /// <summary>All examples.</summary>
    public long ExampleCount { get; }

    /// <summary>Held-out examples.</summary>
    public long HeldOutCount => _heldOutBlocks * _blockSize;

    /// <summary>Training examples.</summary>
    public long TrainingCount => ExampleCount - HeldOutCount;

    /// <summary>The held-out example with number <paramref name="index"/> in [0, HeldOutCount).</summary>
    public long HeldOut(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, HeldOutCount);
        return InBlock(0, index);
    }

    /// <summary>The training example with number <paramref name="index"/> in [0, TrainingCount).</summary>
    public long Training(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, TrainingCount);
        long inBlocks = (_blocks - _heldOutBlocks) * _blockSize;
        return index < inBlocks ? InBlock(_heldOutBlocks, index) : (_blocks * _blockSize) + (index - inBlocks);
    }

    /// <summary>Whether an example is held out.</summary>
    public bool IsHeldOut(long example)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(example);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(example, ExampleCount);
        long block = example / _blockSize;
        return _heldOutBlocks > 0 && block < _blocks && _order.PositionOf(block) < _heldOutBlocks;
    }

    private long InBlock(long firstPosition, long index)
    {
        (long block, long within) = Math.DivRem(index, _blockSize);
        return (_order[firstPosition + block] * _blockSize) + within;
    }
}
