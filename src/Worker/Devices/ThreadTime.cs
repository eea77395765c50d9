using System.Diagnostics;
using System.Runtime.InteropServices;

namespace RnnLm.Worker;

/// <summary>The time that the calling thread has had a processor.</summary>
internal static partial class ThreadTime
{
    /// <summary>CLOCK_THREAD_CPUTIME_ID of Linux (clock_gettime(2)).</summary>
    private const int OfThread = 3;

    /// <summary>In seconds, from some moment on; where the system does not tell, time that has passed.</summary>
    public static double ProcessorSeconds =>
        OperatingSystem.IsLinux() && GetTime(OfThread, out var time) == 0
            ? time.Seconds + (time.Nanoseconds * 1e-9)
            : Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency;

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out TimeSpec time);

    private readonly record struct TimeSpec(nint Seconds, nint Nanoseconds);
}
