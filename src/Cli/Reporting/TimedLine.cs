using System.Globalization;

namespace RnnLm.Cli;

/// <summary>What a process of a cluster says: a line with the time, whatever others have put into its text.</summary>
internal static class TimedLine
{
    /// <summary>Prints one; from any thread.</summary>
    public static void Print(string text) => Console.Out.WriteLine(
        RnnLmException.OneLine(string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:u} {text}")));
}
