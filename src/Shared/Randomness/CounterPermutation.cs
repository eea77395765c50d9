namespace RnnLm.Shared;

/// <summary>
/// A pseudo-random permutation of [0, Count) addressed by (seed, purpose, index): each value is computed on its own, so
/// no list of the others exists.
/// A Feistel network over the digits of the position in a mixed radix a·b ≥ Count, with Philox as its round function;
/// what lands outside [0, Count) walks
/// on along its cycle. Source: Black, Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002.
/// </summary>
public readonly struct CounterPermutation
{
    private const int Rounds = 8;
    private const int HalfBits = 40;

    private readonly CounterRandom _random;
    private readonly long _highRadix;
    private readonly long _lowRadix;

    /// <summary>The permutation of [0, <paramref name="count"/>); count at least 1 and below 2^62.</summary>
    public CounterPermutation(long seed, RandomPurpose purpose, ulong index, long count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(count, 1L << 62);
        Count = count;
        _random = new CounterRandom(seed, purpose, index);
        // About square, so that both digits have something to mix; whatever the rounding of the root, a·b covers the
        // count.
        _highRadix = Math.Max(1, (long)Math.Ceiling(Math.Sqrt(count)));
        _lowRadix = ((count - 1) / _highRadix) + 1;
    }

    /// <summary>Number of positions.</summary>
    public long Count { get; }

    /// <summary>What stands at <paramref name="position"/>.</summary>
    public long this[long position]
    {
        get
        {
            RequireInside(position);
            long value = position;
            do
            {
                value = Forward(value);
            }
            while (value >= Count);
            return value;
        }
    }

    /// <summary>The position at which <paramref name="value"/> stands.</summary>
    public long PositionOf(long value)
    {
        RequireInside(value);
        long position = value;
        do
        {
            position = Backward(position);
        }
        while (position >= Count);
        return position;
    }

    private long Forward(long value)
    {
        (long high, long low) = Math.DivRem(value, _lowRadix);
        for (int round = 0; round < Rounds; round++)
        {
            if ((round & 1) == 0)
            {
                high = (high + Mix(round, low, _highRadix)) % _highRadix;
            }
            else
            {
                low = (low + Mix(round, high, _lowRadix)) % _lowRadix;
            }
        }

        return (high * _lowRadix) + low;
    }

    private long Backward(long value)
    {
        (long high, long low) = Math.DivRem(value, _lowRadix);
        for (int round = Rounds - 1; round >= 0; round--)
        {
            if ((round & 1) == 0)
            {
                high = (high + _highRadix - Mix(round, low, _highRadix)) % _highRadix;
            }
            else
            {
                low = (low + _lowRadix - Mix(round, high, _lowRadix)) % _lowRadix;
            }
        }

        return (high * _lowRadix) + low;
    }

    private long Mix(int round, long half, long radix) =>
        (long)(_random.Bits64(((ulong)round << HalfBits) | (ulong)half) % (ulong)radix);

    private void RequireInside(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(value, Count);
    }
}
