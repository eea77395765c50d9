namespace RnnLm.Shared;

/// <summary>Work cut into blocks whose bounds depend on the amount of work alone; threads only share the blocks
/// out.</summary>
internal static class FixedBlocks
{
    /// <summary>Blocks of <paramref name="blockLength"/> that cover <paramref name="length"/>.</summary>
    public static int CountOf(int length, int blockLength) => (int)(((long)length + blockLength - 1) / blockLength);

    /// <summary>Calls <paramref name="body"/> once for each block, on at most <paramref name="degree"/>
    /// threads.</summary>
    public static void ForEach(int blockCount, int degree, Action<int> body)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(degree, 1);
        if (degree > 1)
        {
            Parallel.For(0, blockCount, new ParallelOptions { MaxDegreeOfParallelism = degree }, body);
            return;
        }

        for (int block = 0; block < blockCount; block++)
        {
            body(block);
        }
    }
}
