namespace RnnLm.Shared;

/// <summary>
/// Philox4x32-10, a counter-based generator: the output is a pure function of key and counter, so any value of any
/// stream
/// can be had without drawing those before it. Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as
/// 1, 2, 3", SC 2011.
/// </summary>
public static class Philox
{
    private const int Rounds = 10;
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;

    /// <summary>The four words of block <paramref name="counter"/> under <paramref name="key"/>.</summary>
    public static (uint W0, uint W1, uint W2, uint W3) Block(ulong key, UInt128 counter)
    {
        (uint k0, uint k1) = ((uint)key, (uint)(key >> 32));
        (uint c0, uint c1, uint c2, uint c3) =
            ((uint)counter, (uint)(counter >> 32), (uint)(counter >> 64), (uint)(counter >> 96));
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = (ulong)Multiplier0 * c0;
            ulong product1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) =
                ((uint)(product1 >> 32) ^ c1 ^ k0, (uint)product1, (uint)(product0 >> 32) ^ c3 ^ k1, (uint)product0);
            k0 += Weyl0;
            k1 += Weyl1;
        }

        return (c0, c1, c2, c3);
    }
}
