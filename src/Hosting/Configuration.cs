using System.CommandLine;
using Microsoft.Extensions.Configuration;

namespace RnnLm.Hosting;

/// <summary>
/// Options that stand in the environment (<c>RNNLM_SEED_NODE</c> for <c>--seed-node</c>) or in the file of
/// <c>--config</c> (<c>"seed_node"</c>). They are read as if they stood on the command line, which has precedence; then
/// comes the environment.
/// </summary>
internal static class Configuration
{
    /// <summary>What variables of the environment begin with.</summary>
    public const string Prefix = "RNNLM_";

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

        var values = Read(parsed);

        // Behind these dashes nothing is an option.
        int end = Array.IndexOf(arguments, "--") is var dashes and >= 0 ? dashes : arguments.Length;
        return
        [
            .. arguments[..end],
            .. command.Options.Where(option => parsed.GetResult(option) is null or { Implicit: true })
                .SelectMany(option => Words(option, values.GetSection(KeyOf(option)))),
            .. arguments[end..],
        ];
    }

    private static string KeyOf(Option option) => option.Name.TrimStart('-').Replace('-', '_');

    private static IConfiguration Read(ParseResult parsed)
    {
        string? path = parsed.GetValue(File) ?? Environment.GetEnvironmentVariable($"{Prefix}CONFIG");
        var builder = new ConfigurationBuilder();
        if (path is { Length: > 0 })
        {
            builder.AddConfiguration(ReadFile(path, parsed.RootCommandResult.Command));
        }

        return builder.AddEnvironmentVariables(Prefix).Build();
    }

    private static IConfiguration ReadFile(string path, Command root)
    {
        IConfiguration file;
        try
        {
            file = new ConfigurationBuilder().AddJsonFile(Path.GetFullPath(path)).Build();
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            string reason = (failure.InnerException ?? failure).Message;
            throw RnnLmException.BadInput($"--config '{path}': cannot be read ({reason})", failure);
        }

        var known = root.Subcommands.SelectMany(command => command.Options).Select(KeyOf)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        return file.GetChildren().FirstOrDefault(entry => !known.Contains(entry.Key)) is { } unknown
            ? throw RnnLmException.BadInput(
                $"--config '{path}': '{unknown.Key}' is no option of any command; they are called as in --help, with " +
                "_ for - and without the dashes before")
            : file;
    }

    private static IEnumerable<string> Words(Option option, IConfigurationSection section)
    {
        bool isSwitch = option.ValueType == typeof(bool);
        bool hasMany = option.Arity.MaximumNumberOfValues > 1;
        string[] values = section.Value is { Length: > 0 } value
            ? hasMany ? value.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) : [value]
            : [.. section.GetChildren().Select(entry => entry.Value ?? string.Empty)];
        return isSwitch
            ? values.Any(text => text.Equals("true", StringComparison.OrdinalIgnoreCase)) ? [option.Name] : []
            : values.Select(text => $"{option.Name}={text}");
    }
}
