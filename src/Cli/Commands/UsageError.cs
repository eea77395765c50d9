using System.CommandLine;
using System.CommandLine.Parsing;

namespace RnnLm.Cli;

/// <summary>What is wrong with a command line that could not be parsed, in one line.</summary>
internal static class UsageError
{
    /// <summary>The error that says most, and where to read on.</summary>
    public static string Describe(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (command is RootCommand root)
        {
            string named = parsed.UnmatchedTokens.Count > 0 ? $"'{parsed.UnmatchedTokens[0]}' is not a command" : "no command was given";
            return $"{named}; use {string.Join(", ", root.Subcommands.Select(subcommand => subcommand.Name))}. See rnnlm --help.";
        }

        // An unknown word explains what seems to be missing behind it.
        string message = parsed.UnmatchedTokens.Count > 0
            ? $"'{parsed.UnmatchedTokens[0]}' is not an option of {command.Name}."
            : BadNumber(parsed.Errors[0]) ?? parsed.Errors[0].Message;
        return $"{message} See rnnlm {command.Name} --help.";
    }

    private static string? BadNumber(ParseError error)
    {
        if (error.SymbolResult is not OptionResult { Tokens: [{ Value: var value }] } result)
        {
            return null;
        }

        var type = Nullable.GetUnderlyingType(result.Option.ValueType) ?? result.Option.ValueType;
        string? expected = type == typeof(int) || type == typeof(long) ? "a whole number" : type == typeof(double) ? "a number" : null;
        return expected is null ? null : $"{result.Option.Name} {value}: it must be {expected}, and not too large.";
    }
}
