namespace RnnLm.Cluster.Tests;

/// <summary>Waiting for what other processes do: whoever sees them do something says so, and then it is looked at
/// again.</summary>
internal static class Wait
{
    private const int MostSaid = 8;

    /// <summary>Whatever is waited for comes within this time, or a test fails.</summary>
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(2);

    private static readonly object s_gate = new();

    /// <summary>Something has happened that may be waited for.</summary>
    public static void Changed()
    {
        lock (s_gate)
        {
            Monitor.PulseAll(s_gate);
        }
    }

    /// <summary>Waits until something is so.</summary>
    /// <param name="what">What, for the message of a failure.</param>
    /// <param name="condition">Whether it is; can become so only where <see cref="Changed"/> is said.</param>
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
        lock (s_gate)
        {
            while (!condition())
            {
                var left = limit - TimeProvider.System.GetElapsedTime(start);
                if (left <= TimeSpan.Zero || !Monitor.Wait(s_gate, left))
                {
                    Assert.Fail($"did not come within {limit}: {what}\n{LastWords(processes?.Invoke() ?? [])}");
                }
            }
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
