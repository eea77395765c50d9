using System.Runtime.InteropServices;
using RnnLm.Coordinator;

namespace RnnLm.Cli;

/// <summary>
/// SIGINT, SIGTERM and SIGHUP (the terminal was closed) ask to stop after saving the last committed version; a second
/// SIGINT ends the process at once. A signal that was ignored when the process began, as nohup does with SIGHUP, stays
/// so.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly TaskCompletionSource<StopRequested> _requested = new(
        TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;
    private readonly PosixSignalRegistration _hangUp;

    /// <summary>Begins to listen.</summary>
    /// <param name="hasTerminal">Whether what a terminal sends is meant for this process. It sends SIGINT and SIGHUP to
    /// everything that was started from it: where they are meant for another, they pass by.</param>
    public StopSignals(bool hasTerminal = true)
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            // Not cancelled, the signal does what it does by default: the process ends.
            context.Cancel = !hasTerminal || _requested.TrySetResult(new StopRequested(ExitCode.Interrupted));
        });
        _terminate = Listen(PosixSignal.SIGTERM, ExitCode.Terminated, isMeant: true);
        _hangUp = Listen(PosixSignal.SIGHUP, ExitCode.HungUp, isMeant: hasTerminal);
    }

    /// <summary>Ends with the first signal.</summary>
    public Task<StopRequested> Requested => _requested.Task;

    /// <inheritdoc/>
    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _hangUp.Dispose();
    }

    private PosixSignalRegistration Listen(PosixSignal signal, ExitCode code, bool isMeant) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            if (isMeant)
            {
                _requested.TrySetResult(new StopRequested(code));
            }

            context.Cancel = true;
        });
}
