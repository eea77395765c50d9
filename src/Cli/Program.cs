using System.CommandLine;
using System.Text;

namespace RnnLm.Cli;

/// <summary>The <c>rnnlm</c> command: whatever happens ends in one line and a documented exit code.</summary>
internal static class Program
{
    private static readonly TimeSpan ErrorDeadline = TimeSpan.FromSeconds(10);

    private static ForgivingStream? s_output;

    /// <summary>Whether what is printed arrives: standard output has not failed.</summary>
    public static bool IsHeard => s_output?.Failure is null;

    private static async Task<int> Main(string[] arguments)
    {
        // Made now: later its making would wait for standard output, whose reader may stand still.
        _ = Console.Error;
        using var output = s_output = new ForgivingStream(Console.OpenStandardOutput());
        Console.SetOut(
            new StreamWriter(output, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true });

        // What a thread of ours did not catch; the runtime would print a stack trace and abort.
        AppDomain.CurrentDomain.UnhandledException += (_, crash) =>
            Environment.Exit(Fail((Exception)crash.ExceptionObject, arguments));
        int code = await RunAsync(arguments).ConfigureAwait(false);
        return code == (int)ExitCode.Done && output.Failure is { } failure
            ? Fail(ExitCode.Storage, $"standard output cannot be written ({failure.Message}); what was computed is " +
                $"saved, what was to be printed is lost")
            : code;
    }

    /// <summary>Runs a command; its results go to <see cref="Console.Out"/>, failures to
    /// <see cref="Console.Error"/>.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        try
        {
            var root = new RootCommand("Trains recurrent language models data-parallel; the same model bit for bit " +
                "however many workers there were.")
            {
                TrainCommand.Create(),
                CertificatesCommand.Create(),
                CoordinatorCommand.Create(),
                WorkerCommand.Create(),
                EvaluateCommand.Create(),
                GenerateCommand.Create(),
                SamplesCommand.Create(),
                PlanCommand.Create(),
                SimulateCommand.Create(),
                InspectCommand.Create(),
                SetupCommand.Create(),
                SettingsCommand.Create(),
            };
            foreach (var command in JobCommands.Create())
            {
                root.Subcommands.Add(command);
            }

            root.Options.Add(Configuration.File);

            var parsed = root.Parse(
                Configuration.Complete(arguments, root.Parse(arguments, Configuration.Reading)), Configuration.Reading);
            if (parsed.Errors.Count > 0)
            {
                return Fail(ExitCode.Usage, Describe(parsed));
            }

            // Signals are the commands' own: train saves before it ends.
            return await parsed.InvokeAsync(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null })
                .ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Nothing but a line and an exit code leaves the program.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            return Fail(failure, arguments);
        }
    }

    /// <summary>The error of a command line that says most, and where to read on.</summary>
    private static string Describe(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (command is RootCommand root)
        {
            string named = parsed.UnmatchedTokens.Count > 0
                ? $"'{parsed.UnmatchedTokens[0]}' is not a command"
                : "no command was given";
            var commands = root.Subcommands.Where(subcommand => !subcommand.Hidden)
                .Select(subcommand => subcommand.Name);
            return $"{named}; use {string.Join(", ", commands)}. See rnnlm --help.";
        }

        // An unknown word explains what seems to be missing behind it.
        string message = parsed.UnmatchedTokens.Count > 0
            ? $"'{parsed.UnmatchedTokens[0]}' is not an option of {command.Name}."
            : parsed.Errors[0].Message;
        return $"{message} See rnnlm {command.Name} --help.";
    }

    private static int Fail(Exception failure, string[] arguments)
    {
        int option = Array.IndexOf(arguments, "--run");
        string run = option >= 0 && option + 1 < arguments.Length ? arguments[option + 1] : string.Empty;
        var known = AnyFailure.Of(failure, run, arguments);
        return Fail(known.ExitCode, known.Message);
    }

    private static int Fail(ExitCode code, string message)
    {
        try
        {
            // A reader that stands still does not keep the process.
            Task.Run(() => Console.Error.WriteLine($"rnnlm: {RnnLmException.OneLine(message)}")).Wait(ErrorDeadline);
        }
        catch (AggregateException failure) when (failure.InnerException is IOException or UnauthorizedAccessException)
        {
            // Nobody listens; the exit code still says it.
        }

        return (int)code;
    }
}

/// <summary>
/// Standard output that may be full or closed: the first failure is kept for the end and the rest is dropped, so that
/// no training is lost because nobody can watch it.
/// </summary>
internal sealed class ForgivingStream(Stream inner) : Stream
{
    /// <summary>Why something could not be written; null when all was.</summary>
    public Exception? Failure { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (Failure is not null)
        {
            return;
        }

        try
        {
            inner.Write(buffer);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Failure = failure;
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
