namespace RnnLm.Worker;

/// <summary>
/// PyTorch's random numbers on the CPU after <c>torch.manual_seed</c>: MT19937 (Matsumoto, Nishimura, "Mersenne
/// Twister", 1998) and what <c>uniform_</c> makes of its words.
/// </summary>
/// <param name="seed">Of which PyTorch uses the lower 32 bits.</param>
internal sealed class MersenneTwister(long seed)
{
    private const int Words = 624;
    private const int Shift = 397;
    private readonly uint[] _state = Begin(unchecked((uint)seed));
    private int _next = Words;

    /// <summary>Fills a tensor, first element first, uniformly from [low, high).</summary>
    public void Uniform(float low, float high, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            // 24 bits, scaled in double and rounded once.
            double fraction = (Next() & 0xFF_FFFF) * (1.0 / (1 << 24));
            values[i] = (float)((fraction * (high - low)) + low);
        }
    }

    private static uint[] Begin(uint seed)
    {
        uint[] state = new uint[Words];
        state[0] = seed;
        for (uint i = 1; i < Words; i++)
        {
            state[i] = unchecked((1812433253 * (state[i - 1] ^ (state[i - 1] >> 30))) + i);
        }

        return state;
    }

    private uint Next()
    {
        if (_next == Words)
        {
            Twist();
        }

        uint word = _state[_next++];
        word ^= word >> 11;
        word ^= (word << 7) & 0x9D2C_5680;
        word ^= (word << 15) & 0xEFC6_0000;
        return word ^ (word >> 18);
    }

    private void Twist()
    {
        for (int i = 0; i < Words; i++)
        {
            uint joined = (_state[i] & 0x8000_0000) | (_state[(i + 1) % Words] & 0x7FFF_FFFF);
            uint mixed = (joined >> 1) ^ ((joined & 1) == 0 ? 0 : 0x9908_B0DF);
            _state[i] = _state[(i + Shift) % Words] ^ mixed;
        }

        _next = 0;
    }
}
