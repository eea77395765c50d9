namespace RnnLm.Cluster.Tests;

/// <summary>Waiting for what other processes do: there is nothing to be woken by, so it is looked at again and again.
/// </summary>
internal static class Wait
{
    private const int MostSaid = 8;

    /// <summary>Whatever is waited for comes within this time, or a test fails.</summary>
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Waits until something is so.</summary>
    /// <param name="what">What, for the message of a failure.</param>
    /// <param name="condition">Whether it is.</param>
    /// <param name="processes">Those whose last words are told when it does not come.</param>
    /// <param name="deadline">When it is a failure; two minutes if not given.</param>
    public static void Until(
        string what,
        Func<bool> condition,
        Func<IEnumerable<ClusterProcess>>? processes = null,
        TimeSpan? deadline = null)
    {
        long start = TimeProvider.System.GetTimestamp();
        var limit = deadline ?? s_deadline;
        while (!condition())
        {
            if (TimeProvider.System.GetElapsedTime(start) > limit)
            {
                Assert.Fail($"did not come within {limit}: {what}\n{LastWords(processes?.Invoke() ?? [])}");
            }

            Thread.Sleep(s_pause);
        }
    }

    /// <summary>What processes have said last.</summary>
    public static string LastWords(IEnumerable<ClusterProcess> processes) => string.Join('\n', processes.Select(
        process => string.Join(
            "\n    ",
            [
                $"{process.Name} ({process.Id}{(process.HasEnded ? ", ended" : string.Empty)}):",
                .. process.Lines.TakeLast(MostSaid), .. process.Errors.TakeLast(MostSaid),
            ])));
}
