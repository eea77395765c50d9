using System.Runtime.InteropServices;

namespace RnnLm.Worker;

/// <summary>
/// While it is open, the calling thread gets no signal but those of its own faults. oneDNN's sgemm kernels point the stack pointer into heap memory for products of more
/// than 84 terms (seen in 2.6.3); a signal handler's frame, such as that of .NET's garbage collector stopping the thread, would be written into that
/// memory and past its beginning. The collector needs no signal to stop this thread: it stops at the return from the next product.
/// </summary>
internal readonly unsafe ref struct ProductScope : IDisposable
{
    private const int SetBytes = 128;
    private const int Block = 0;
    private const int SetMask = 2;

    // SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV: raised by what the thread itself does; blocked they would end the process.
    private static ReadOnlySpan<int> OwnFaults => [4, 5, 6, 7, 8, 11];

    private readonly SignalSet _before;

    /// <summary>Opens the scope on the calling thread, which must close it.</summary>
    public ProductScope()
    {
        SignalSet all;
        _ = sigfillset(&all);
        foreach (int signal in OwnFaults)
        {
            _ = sigdelset(&all, signal);
        }

        SignalSet before;
        int failure = pthread_sigmask(Block, &all, &before);
        if (failure != 0)
        {
            throw new InvalidOperationException($"pthread_sigmask failed with error {failure}");
        }

        _before = before;
    }

    /// <summary>Lets signals in again; those that came meanwhile are delivered now.</summary>
    public void Dispose()
    {
        SignalSet before = _before;
        _ = pthread_sigmask(SetMask, &before, null);
    }

    [DllImport("libc")]
    private static extern int sigfillset(SignalSet* set);

    [DllImport("libc")]
    private static extern int sigdelset(SignalSet* set, int signal);

    [DllImport("libc")]
    private static extern int pthread_sigmask(int how, SignalSet* set, SignalSet* before);

    /// <summary>sigset_t of Linux C libraries.</summary>
    [StructLayout(LayoutKind.Sequential, Size = SetBytes)]
    private struct SignalSet
    {
        public ulong First;
    }
}
