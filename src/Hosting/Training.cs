using System.CommandLine;
using Microsoft.Extensions.Configuration;
using RnnLm.Coordinator;

namespace RnnLm.Hosting;

/// <summary>What <c>rnnlm train</c> does, for a program.</summary>
public static class Training
{
    private static readonly Command s_command = MakeCommand();

    /// <summary>Trains until the last step is saved.</summary>
    /// <param name="options">Options of <c>train</c> by their names without dashes before and with _ for -, like
    /// <c>corpus</c> and <c>held_out</c>. Variables <c>RNNLM_*</c> of the environment have precedence; what neither
    /// says is that of the file that <c>RNNLM_CONFIG</c> names.</param>
    /// <param name="view">Shows it, on one thread at a time, and is disposed at the end; null to show nothing.</param>
    /// <param name="cancellation">Ends it after saving the last committed version, from which <c>resume</c> goes on.
    /// While the text is still being prepared it is not heard.</param>
    /// <returns>What the run came to.</returns>
    /// <exception cref="RnnLmException">An option, the text or the run cannot be used, or why training ended before its
    /// last step; the message says what to do, the exit code is that of <c>rnnlm</c>.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, and is saved.</exception>
    public static async Task<TrainingSummary> RunAsync(
        IConfiguration options, ITrainingView? view = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        TrainRequest request;
        try
        {
            cancellation.ThrowIfCancellationRequested();
            request = Read(options);
        }
        catch
        {
            // No session owns it yet.
            view?.Dispose();
            throw;
        }

        var stop = new TaskCompletionSource<StopRequested>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = cancellation.Register(
            () => stop.TrySetResult(new StopRequested(ExitCode.Terminated)));
        using var session = new TrainingSession(
            request, view ?? new PlainView(TextWriter.Null, TimeProvider.System), TimeProvider.System);
        try
        {
            return await session.RunAsync(() => stop.Task).ConfigureAwait(false);
        }
        catch (RnnLmException stopped) when (stopped.ExitCode == ExitCode.Terminated)
        {
            throw new OperationCanceledException(stopped.Message, stopped, cancellation);
        }
    }

    private static TrainRequest Read(IConfiguration options)
    {
        var request = TrainRequest.Read(Configuration.Parse(s_command, options));
        return request.Get(TrainSettings.Processes) is var processes and > 0
            ? throw RnnLmException.Usage(
                $"option 'processes' of RnnLm: {processes}: only the command rnnlm starts processes; give 'workers'")
            : request;
    }

    /// <summary>The command without its action: what it needs to know are its options.</summary>
    internal static Command MakeCommand()
    {
        var command = new Command(
            "train", "Train a language model; alone it trains some minutes on a default corpus and ends with a " +
            "perplexity and a sample");
        foreach (var setting in TrainSettings.All)
        {
            command.Options.Add(setting.Option);
        }

        return command;
    }
}
