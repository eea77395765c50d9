using System.CommandLine;
using Microsoft.Extensions.Configuration;

namespace RnnLm.Hosting;

/// <summary>
/// Options that stand elsewhere than on a command line: in the environment (<c>RNNLM_SEED_NODE</c> for
/// <c>--seed-node</c>, several values with spaces between them), in the configuration of a program (<c>seed_node</c>)
/// or in the file of <c>--config</c> (<c>"seed_node"</c>). They are read as if they stood on the command line, which
/// has precedence; then come the others in this order.
/// </summary>
internal static class Configuration
{
    /// <summary>What variables of the environment begin with.</summary>
    public const string Prefix = "RNNLM_";

    private static readonly Lazy<IReadOnlyList<Command>> s_ofPrograms = new(
        () => [Training.MakeCommand(), new CoordinatorService().Command, new WorkerService().Command]);

    /// <summary>How a command line is read: a prompt may begin with @.</summary>
    public static ParserConfiguration Reading { get; } = new() { ResponseFileTokenReplacer = null };

    /// <summary>The file.</summary>
    public static Option<string?> File { get; } = new Setting<string?>(
        "--config", "FILE", "JSON file with options, as \"seed_node\" for --seed-node; the environment has " +
        $"precedence ({Prefix}SEED_NODE), and the command line before it", Values.FullPath)
    {
        Recursive = true,
    };

    /// <summary>The words of a command line, with the options that it leaves out and that stand elsewhere.</summary>
    /// <exception cref="RnnLmException">The file cannot be read, or has what is no option (exit code 3).</exception>
    public static string[] Complete(string[] arguments, ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (command is RootCommand)
        {
            return arguments;
        }

        var places = Read(parsed.GetValue(File), null, parsed.RootCommandResult.Command.Subcommands);

        // Behind these dashes nothing is an option.
        int end = Array.IndexOf(arguments, "--") is var dashes and >= 0 ? dashes : arguments.Length;
        return
        [
            .. arguments[..end],
            .. Words(command.Options.Where(option => parsed.GetResult(option) is null or { Implicit: true }), places),
            .. arguments[end..],
        ];
    }

    /// <summary>The options of a command that has no command line: a program's.</summary>
    /// <param name="command">The command.</param>
    /// <param name="options">What the program has configured, for this command or another of those that a program can
    /// run; the environment has precedence.</param>
    /// <exception cref="RnnLmException">A value cannot be, or is missing (exit code 2); something is no option, or the
    /// file cannot be read (3).</exception>
    public static ParseResult Parse(Command command, IConfiguration options)
    {
        var parsed = command.Parse(Words(command.Options, Read(null, options, s_ofPrograms.Value)).ToArray(), Reading);
        return parsed.Errors.Count == 0
            ? parsed
            : throw RnnLmException.Usage($"{Named(command, parsed.Errors[0].Message)}: {parsed.Errors[0].Message}");
    }

    private static string Named(Command command, string message)
    {
        string keys = string.Join(", ", command.Options
            .Where(option => message.Split(' ').Any(word => word.Trim('\'') == option.Name))
            .Select(option => $"'{KeyOf(option)}'"));
        return $"option {keys} of RnnLm";
    }

    private static string KeyOf(Option option) => option.Name.TrimStart('-').Replace('-', '_');

    /// <summary>Where options stand beside the environment, what has precedence first.</summary>
    private static List<IConfiguration> Read(
        string? file, IConfiguration? program, IEnumerable<Command> commands)
    {
        var known = commands.SelectMany(command => command.Options).Select(KeyOf)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        var places = new List<IConfiguration>();
        if (program is not null)
        {
            places.Add(Checked(program, "options of RnnLm", known));
        }

        if ((file ?? Environment.GetEnvironmentVariable(VariableOf(File))) is { Length: > 0 } path)
        {
            places.Add(Checked(ReadFile(path), $"--config '{path}'", known));
        }

        return places;
    }

    /// <summary>The variable of the environment that has an option.</summary>
    public static string VariableOf(Option option) => Prefix + KeyOf(option).ToUpperInvariant();

    /// <summary>The values of an option that its variable has; an empty one is none.</summary>
    public static IReadOnlyList<string> ValuesOf(Option option, string variable) =>
        option.Arity.MaximumNumberOfValues > 1
            ? variable.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            : variable.Length > 0 ? [variable] : [];

    private static IConfiguration ReadFile(string path)
    {
        try
        {
            return new ConfigurationBuilder().AddJsonFile(Path.GetFullPath(path)).Build();
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            string reason = (failure.InnerException ?? failure).Message;
            throw RnnLmException.BadInput($"--config '{path}': cannot be read ({reason})", failure);
        }
    }

    private static IConfiguration Checked(IConfiguration options, string place, HashSet<string> known) =>
        options.GetChildren().FirstOrDefault(entry => !known.Contains(entry.Key)) is { } unknown
            ? throw RnnLmException.BadInput(
                $"{place}: '{unknown.Key}' is no option of any command; they are called as in --help, with _ for - " +
                "and without the dashes before")
            : options;

    private static IEnumerable<string> Words(IEnumerable<Option> options, List<IConfiguration> places) =>
        options.SelectMany(option => Texts(option, places).Select(text => $"{option.Name}={text}"));

    /// <summary>The values of an option; an empty one is none.</summary>
    private static IEnumerable<string> Texts(Option option, List<IConfiguration> places)
    {
        if (Environment.GetEnvironmentVariable(VariableOf(option)) is { } variable)
        {
            return ValuesOf(option, variable);
        }

        string key = KeyOf(option);
        return places.Select(place => place.GetSection(key)).FirstOrDefault(section => section.Exists()) switch
        {
            null or { Value.Length: 0 } => [],
            { Value: { } value } => [value],
            var list => list.GetChildren().Select(entry => entry.Value ?? string.Empty),
        };
    }
}
