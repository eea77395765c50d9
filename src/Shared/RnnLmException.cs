using System.Globalization;

namespace RnnLm.Shared;

/// <summary>
/// A failure that the user can act on. The message is one line that names the file or option, the value and the cure;
/// the command prints it as it stands and ends with <see cref="ExitCode"/>.
/// </summary>
public sealed class RnnLmException : Exception
{
    public RnnLmException(ExitCode exitCode, string message, Exception? innerException = null)
        : base(OneLine(message), innerException) => ExitCode = exitCode;

    /// <summary>The exit code that this failure ends the process with.</summary>
    public ExitCode ExitCode { get; }

    /// <summary>A file or value given by the user cannot be used (exit code 3).</summary>
    public static RnnLmException BadInput(string message, Exception? innerException = null) =>
        new(ExitCode.BadInput, message, innerException);

    /// <summary>The command line is wrong (exit code 2).</summary>
    public static RnnLmException Usage(string message) => new(ExitCode.Usage, message);

    /// <summary>A run directory or cache could not be read or written (exit code 6).</summary>
    public static RnnLmException Storage(string message, Exception? innerException = null) =>
        new(ExitCode.Storage, message, innerException);

    /// <summary>
    /// The text with its control characters and line separators written as escapes: paths and file contents that have
    /// some neither break a line nor change a terminal.
    /// </summary>
    public static string OneLine(string text) =>
        text.Any(IsControl)
            ? string.Concat(text.Select(character => IsControl(character) ? Escape(character) : $"{character}"))
            : text;

    private static bool IsControl(char character) => char.GetUnicodeCategory(character)
        is UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;

    private static string Escape(char character) => character switch
    {
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        _ => $"\\u{(int)character:x4}",
    };
}
