using System.CommandLine;
using RnnLm.Coordinator;
using Spectre.Console;

namespace RnnLm.Cli;

/// <summary><c>rnnlm train</c>.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var command = Training.MakeCommand();
        command.SetAction(async (parsed, _) =>
        {
            var request = TrainRequest.Read(parsed);
            var view = MakeView(request.Get(TrainSettings.Json));
            using var session = new TrainingSession(request, view, TimeProvider.System);
            using var signals = new StopSignals();
            await session.RunAsync(() => signals.Listen()).ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static ITrainingView MakeView(bool json)
    {
        if (json)
        {
            return new JsonView(Console.Out);
        }

        return !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Interactive
            ? new TerminalView(AnsiConsole.Console, TimeProvider.System)
            : new PlainView(Console.Out, TimeProvider.System);
    }
}
