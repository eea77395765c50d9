using System.CommandLine;

namespace RnnLm.Cli;

/// <summary>The <c>rnnlm</c> command.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        var root = new RootCommand("Trains recurrent language models data-parallel; the same model bit for bit however many workers there were.")
        {
            TrainCommand.Create(),
            EvaluateCommand.Create(),
            GenerateCommand.Create(),
            PlanCommand.Create(),
            InspectCommand.Create(),
            SetupCommand.Create(),
        };
        var parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            return Fail(ExitCode.Usage, UsageError.Describe(parsed));
        }

        try
        {
            // Signals are the commands' own: train saves before it ends.
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null })
                .ConfigureAwait(false);
        }
        catch (RnnLmException failure)
        {
            return Fail(failure.ExitCode, failure.Message);
        }
        catch (OutOfMemoryException)
        {
            return Fail(ExitCode.BadInput, "there is not enough memory for this model and batch; use a smaller --dimension, vocabulary, --batch or --context");
        }
    }

    private static int Fail(ExitCode code, string message)
    {
        Console.Error.WriteLine($"rnnlm: {message}");
        return (int)code;
    }
}
