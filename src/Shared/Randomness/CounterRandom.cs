namespace RnnLm.Shared;

/// <summary>
/// A stream of random numbers addressed by (seed, purpose, index): value <c>n</c> is a pure function of these four
/// numbers.
/// Nothing in the product draws from a process-wide generator.
/// </summary>
public readonly struct CounterRandom(long seed, RandomPurpose purpose, ulong index = 0)
{
    private readonly ulong _key = unchecked((ulong)seed);
    private readonly UInt128 _base =
        ((UInt128)(uint)purpose << 96) | ((UInt128)(index & 0xFFFFFFFF) << 64) | ((UInt128)(index >> 32) << 48);

    /// <summary>The 32 random bits at position <paramref name="n"/> of this stream; n below 2^50.</summary>
    public uint Bits32(ulong n)
    {
        var (w0, w1, w2, w3) = Philox.Block(_key, _base + (n >> 2));
        return (n & 3) switch { 0 => w0, 1 => w1, 2 => w2, _ => w3 };
    }

    /// <summary>The 64 random bits at position <paramref name="n"/> of this stream; n below 2^49.</summary>
    public ulong Bits64(ulong n)
    {
        var (w0, w1, w2, w3) = Philox.Block(_key, _base + (n >> 1));
        return (n & 1) == 0 ? w0 | ((ulong)w1 << 32) : w2 | ((ulong)w3 << 32);
    }

    /// <summary>Uniform in [0, 1) with 24 random bits: every value is exact in float32.</summary>
    public float UniformSingle(ulong n) => (Bits32(n) >> 8) * (1f / (1 << 24));

    /// <summary>Uniform in [0, 1) with 53 random bits.</summary>
    public double UniformDouble(ulong n) => (Bits64(n) >> 11) * (1.0 / (1UL << 53));
}
