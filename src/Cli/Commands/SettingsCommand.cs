using System.CommandLine;
using System.Text;

namespace RnnLm.Cli;

/// <summary><c>rnnlm settings</c>, for whoever changes a setting: the tables of docs/cli.md as they must be.</summary>
internal static class SettingsCommand
{
    public static Command Create()
    {
        var command = new Command("settings", "Print the tables of docs/cli.md") { Hidden = true };
        command.SetAction(_ =>
        {
            Console.Out.Write(Tables());
            return 0;
        });
        return command;
    }

    private static string Tables()
    {
        var text = new StringBuilder();
        foreach (var (heading, settings) in TrainSettings.Groups)
        {
            text.Append($"### {heading}\n\n| option | default | job | meaning |\n|---|---|---|---|\n");
            foreach (var setting in settings)
            {
                string value = setting.Option.HelpName is { } name ? $" {name}" : string.Empty;
                bool isOfJob = setting.Keys.Any(key => key.StartsWith("job.", StringComparison.Ordinal));
                text.Append($"| `{setting.Option.Name}{value}` | {Default(setting)} | {(isOfJob ? "yes" : "no")} | " +
                    $"{setting.Help} |\n");
            }

            text.Append('\n');
        }

        var presets = Preset.All.Values;
        text.Append($"### Presets\n\n| |{Cells(presets.Select(preset => $"`{preset.Name}`"))}\n");
        text.Append($"|---|{string.Concat(presets.Select(_ => "---|"))}\n");
        text.Append($"| for |{Cells(presets.Select(preset => preset.Summary))}\n");
        foreach (var setting in TrainSettings.All.Where(IsOfAnyPreset))
        {
            text.Append($"| `{setting.Option.Name}` " +
                $"|{Cells(presets.Select(preset => TextOf(preset, setting)))}\n");
        }

        return text.ToString();
    }

    private static string Cells(IEnumerable<string> cells) => string.Concat(cells.Select(cell => $" {cell} |"));

    private static string Default(ISetting setting) =>
        IsOfPresets(setting) ? "(preset)"
        : setting.Default is { } value ? $"`{value}`"
        : setting.Option.HelpName is null ? "off" : "none";

    /// <summary>What a preset says of a setting, or what it leaves as it is.</summary>
    private static string TextOf(Preset preset, ISetting setting) =>
        string.Join(" · ", preset.Texts.GetValueOrDefault(setting.Option.Name, [setting.Default ?? string.Empty]))
            .Replace("\n", "\\n", StringComparison.Ordinal);

    private static bool IsOfAnyPreset(ISetting setting) =>
        Preset.All.Values.Any(preset => preset.Texts.ContainsKey(setting.Option.Name));

    private static bool IsOfPresets(ISetting setting) => Preset.Quick.Texts.ContainsKey(setting.Option.Name);
}
