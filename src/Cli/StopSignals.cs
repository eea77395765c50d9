using System.Runtime.InteropServices;
using RnnLm.Coordinator;

namespace RnnLm.Cli;

/// <summary>SIGINT and SIGTERM ask to stop after saving the last committed version; a second SIGINT ends the process at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly TaskCompletionSource<StopRequested> _requested = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;

    /// <summary>Begins to listen.</summary>
    public StopSignals()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            // Not cancelled, the signal does what it does by default: the process ends.
            context.Cancel = _requested.TrySetResult(new StopRequested(ExitCode.Interrupted));
        });
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            _requested.TrySetResult(new StopRequested(ExitCode.Terminated));
            context.Cancel = true;
        });
    }

    /// <summary>Ends with the first signal.</summary>
    public Task<StopRequested> Requested => _requested.Task;

    /// <inheritdoc/>
    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
    }
}
