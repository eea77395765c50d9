using System.CommandLine;
using RnnLm.Coordinator;
using Spectre.Console;

namespace RnnLm.Cli;

/// <summary><c>rnnlm train</c>.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var options = new TrainOptions();
        var command = new Command("train", "Train a language model; alone it trains about three minutes on a default corpus and ends with a perplexity and a sample");
        foreach (var option in options.All)
        {
            command.Options.Add(option);
        }

        command.SetAction(async (parsed, _) =>
        {
            var request = options.Read(parsed);
            using var view = MakeView(request.Json);
            await new TrainingSession(request, view, TimeProvider.System).RunAsync().ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static ITrainingView MakeView(bool json)
    {
        if (json)
        {
            return new JsonView(Console.OpenStandardOutput());
        }

        return !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Interactive
            ? new TerminalView(AnsiConsole.Console)
            : new PlainView(Console.Out, TimeProvider.System);
    }
}
