using System.CommandLine;

namespace RnnLm.Cli;

/// <summary>The <c>--run</c> option of commands that read a run.</summary>
internal static class RunOption
{
    public static Option<string> Create() => new("--run") { Description = "Run directory", Required = true, HelpName = "DIR" };
}
