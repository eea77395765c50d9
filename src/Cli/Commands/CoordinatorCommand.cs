using System.CommandLine;

namespace RnnLm.Cli;

/// <summary><c>rnnlm coordinator</c>.</summary>
internal static class CoordinatorCommand
{
    public static Command Create()
    {
        var service = new CoordinatorService();
        service.Command.SetAction(async (parsed, _) =>
        {
            using var signals = new StopSignals();
            await service.RunAsync(parsed, TimedLine.Print, signals.Listen()).ConfigureAwait(false);
            return 0;
        });
        return service.Command;
    }
}
