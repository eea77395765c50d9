using System.CommandLine;

namespace RnnLm.Cli;

/// <summary>An option with any number of files. What looks like an option is not taken for one of them: it is a misspelt one.</summary>
internal static class FilesOption
{
    public static Option<string[]> Create(string name, string description, bool required = false)
    {
        var option = new Option<string[]>(name)
        {
            Description = description,
            Required = required,
            AllowMultipleArgumentsPerToken = true,
            HelpName = "FILE",
        };
        option.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(token => token.Value.StartsWith("--", StringComparison.Ordinal)) is { } misspelt)
            {
                result.AddError($"There is no option '{misspelt.Value}' (a file of that name is './{misspelt.Value}').");
            }
        });
        return option;
    }
}
