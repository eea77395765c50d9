using System.CommandLine;

namespace RnnLm.Cli;

/// <summary><c>rnnlm worker</c>.</summary>
internal static class WorkerCommand
{
    public static Command Create()
    {
        var stopAtEndOfInput = new Setting<bool>(
            "--stop-at-end-of-input", null, "End with standard input, and so with whoever started this process.",
            Values.Switch);
        var service = new WorkerService();
        service.Command.Options.Add(stopAtEndOfInput);
        service.Command.SetAction(async (parsed, _) =>
        {
            // Ctrl-C in the terminal of whoever started this process is theirs: they save first, and then end this one.
            bool stopsAtEnd = parsed.GetValue(stopAtEndOfInput);
            using var signals = new StopSignals();
            var signal = signals.Listen(hasTerminal: !stopsAtEnd);
            Task stop = stopsAtEnd
                ? Task.WhenAny(signal, Task.Run(EndOfInput, CancellationToken.None))
                : signal;
            await service.RunAsync(parsed, TimedLine.Print, stop).ConfigureAwait(false);

            // Where being idle is the good end, being sent away is none: whoever started it begins it again.
            return signal.IsCompletedSuccessfully && parsed.GetValue(service.StopWhenIdle) is not null
                ? (int)signal.Result.Reason
                : 0;
        });
        return service.Command;
    }

    private static void EndOfInput()
    {
        while (Console.In.Read() >= 0)
        {
            // Nothing is said to a worker this way; that nobody is there to say it ends it.
        }
    }
}
