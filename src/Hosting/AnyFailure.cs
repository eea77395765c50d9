using System.Runtime.InteropServices;

namespace RnnLm.Hosting;

/// <summary>Any failure as a line and an exit code: what was not foreseen is a defect, which a file describes.
/// </summary>
internal static class AnyFailure
{
    /// <summary>What to tell the user of a failure.</summary>
    /// <param name="failure">Whatever was thrown.</param>
    /// <param name="run">A run directory, where the file of a defect goes if there is a run; it may be empty.</param>
    /// <param name="arguments">Of the command line.</param>
    public static RnnLmException Of(Exception failure, string run, IReadOnlyList<string> arguments) => failure switch
    {
        RnnLmException known => known,
        AggregateException several when several.Flatten().InnerExceptions is var all =>
            Of(all.OfType<RnnLmException>().FirstOrDefault() ?? all[0], run, arguments),
        OutOfMemoryException => RnnLmException.BadInput(
            "there is not enough memory for this model and batch; use a smaller --dimension, vocabulary, --batch or " +
            "--context", failure),
        _ => new RnnLmException(
            ExitCode.Defect,
            $"a defect of this program: {failure.GetType().Name}: {failure.Message}; {Report(failure, run, arguments)}",
            failure),
    };

    /// <summary>Writes down what a defect was: in the run if there is one, else among the temporary files.</summary>
    private static string Report(Exception failure, string run, IReadOnlyList<string> arguments)
    {
        string directory = File.Exists(Path.Combine(run, "config.json")) ? run : Path.GetTempPath();
        string path = Path.GetFullPath(Path.Combine(directory, $"rnnlm-defect-{Environment.ProcessId}.txt"));
        try
        {
            File.WriteAllText(
                path,
                $"""
                rnnlm {typeof(AnyFailure).Assembly.GetName().Version}
                {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}
                arguments: {Values.Show(arguments)}
                {failure}

                """);
            return $"please report it with '{path}'";
        }
        catch (Exception unwritten) when (unwritten is IOException or UnauthorizedAccessException)
        {
            return $"please report it with the command line ('{path}' cannot be written: {unwritten.Message})";
        }
    }
}
