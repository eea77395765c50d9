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
    private readonly List<PosixSignalRegistration> _registrations = [];

    /// <summary>Begins to listen. Until then a signal does what it does by default: the process ends.</summary>
    /// <param name="hasTerminal">Whether what a terminal sends is meant for this process. It sends SIGINT and SIGHUP to
    /// everything that was started from it: where they are meant for another, they pass by.</param>
    /// <returns>Ends with the first signal.</returns>
    public Task<StopRequested> Listen(bool hasTerminal = true)
    {
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            // Not cancelled, it ends the process.
            context.Cancel = !hasTerminal || _requested.TrySetResult(new StopRequested(ExitCode.Interrupted));
        }));
        _registrations.Add(Listen(PosixSignal.SIGTERM, ExitCode.Terminated, isMeant: true));
        _registrations.Add(Listen(PosixSignal.SIGHUP, ExitCode.HungUp, isMeant: hasTerminal));
        return _requested.Task;
    }

    /// <inheritdoc/>
    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());

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
