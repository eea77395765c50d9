namespace RnnLm.Tests;

/// <summary>Seeded damage to valid input: whatever reads it succeeds or says what is wrong.</summary>
internal static class Mutations
{
    /// <summary>
    /// Runs <paramref name="read"/> on damaged copies; any failure must be an <see cref="RnnLmException"/> of one line.
    /// </summary>
    /// <param name="valid">Input that is read without failure.</param>
    /// <param name="cases">How many copies.</param>
    /// <param name="read">Reads a copy.</param>
    /// <param name="exitCodes">The codes that a failure may have; bad input when none is named.</param>
    public static void Of(byte[] valid, int cases, Action<byte[]> read, params ExitCode[] exitCodes)
    {
        var random = new CounterRandom(7, RandomPurpose.Sampling);
        ulong drawn = 0;
        int Below(int bound) => (int)(random.Bits32(drawn++) % (uint)Math.Max(bound, 1));
        for (int n = 0; n < cases; n++)
        {
            var damaged = new List<byte>(valid);
            for (int change = Below(4); change >= 0; change--)
            {
                int at = Below(damaged.Count);
                switch (Below(6))
                {
                    case 0 when damaged.Count > 0:
                        damaged[at] ^= (byte)(1 << Below(8));
                        break;
                    case 1 when damaged.Count > 0:
                        damaged[at] = (byte)new[] { 0, 0x7F, 0x80, 0xFF, '"', '\n' }[Below(6)];
                        break;
                    case 2:
                        damaged.RemoveRange(at, Math.Min(Below(32), damaged.Count - at));
                        break;
                    case 3:
                        damaged.InsertRange(at, valid.Skip(Below(valid.Length)).Take(Below(32)));
                        break;
                    case 4:
                        damaged.InsertRange(at, [0xFF, 0xFF, 0xFF, 0xFF, 0x07]);
                        break;
                    default:
                        damaged.RemoveRange(at, damaged.Count - at);
                        break;
                }
            }

            try
            {
                read([.. damaged]);
            }
            catch (RnnLmException failure)
            {
                Assert.Contains(failure.ExitCode, exitCodes is [] ? [ExitCode.BadInput] : exitCodes);
                Assert.DoesNotContain('\n', failure.Message);
            }
        }
    }
}
