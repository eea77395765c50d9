using System.CommandLine;
using System.Text.Json.Nodes;
using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary>What the user asked of <c>train</c>: each setting as given, else as the resumed run has it, else the
/// preset, else by default.</summary>
internal sealed class TrainRequest
{
    private readonly Dictionary<ISetting, IReadOnlyList<string>> _texts = [];

    private TrainRequest(ParseResult parsed, RunConfig? resumed)
    {
        Resumed = resumed;
        var given = TrainSettings.All.Where(
            setting => parsed.GetResult(setting.Option) is { Implicit: false }).ToHashSet();
        Refuse(given.Contains(TrainSettings.Steps) && given.Contains(TrainSettings.Epochs),
            "--steps and --epochs say the same thing in two ways; give one of them");
        Refuse(resumed is not null && given.Contains(TrainSettings.InitialWeights),
            "--init begins a run and --resume goes on with one; give one of them");
        var preset = Preset.All[resumed?.Get(
            TrainSettings.PresetName) ?? parsed.GetRequiredValue(TrainSettings.PresetName)];
        Refuse(given.Contains(TrainSettings.PresetName) && preset.Name != parsed.GetValue(TrainSettings.PresetName),
            $"--preset {parsed.GetValue(TrainSettings.PresetName)}: the run in --run was begun with {preset.Name}; " +
            $"leave it out");
        foreach (var setting in TrainSettings.All)
        {
            _texts[setting] = given.Contains(setting) ? Given(parsed, setting)
                : resumed is not null && setting.Keys.Count > 0 ? resumed.Texts(setting)
                : preset.Texts.GetValueOrDefault(setting.Option.Name) ?? (setting.Default is { } value ? [value] : []);
        }

        if (given.Contains(TrainSettings.Epochs))
        {
            _texts[TrainSettings.Steps] = [];
        }

        if (Get(TrainSettings.Validation).Length > 0)
        {
            _texts[TrainSettings.HeldOut] = ["0"];
        }

        if (Get(TrainSettings.Mode) != ExampleMode.Sentences)
        {
            // What the preset says of sentences is not for windows.
            foreach (var setting in new[] { TrainSettings.SplitSentences, TrainSettings.SentenceTokens })
            {
                _texts[setting] = given.Contains(setting) ? _texts[setting] : ["false"];
            }
        }
    }

    /// <summary>The run that is resumed, as it was recorded; null for a new one.</summary>
    public RunConfig? Resumed { get; }

    /// <summary>Reads a command line.</summary>
    /// <exception cref="RnnLmException">Options do not fit together (exit code 2), or the run to resume cannot be
    /// used.</exception>
    public static TrainRequest Read(ParseResult parsed)
    {
        bool resumes = parsed.GetValue(TrainSettings.Resume);
        string? run = parsed.GetValue(TrainSettings.Run);
        Refuse(resumes && run is null, "--resume needs --run: the run to go on with");
        return new TrainRequest(parsed, resumes ? RunConfig.Read(RunDirectory.Open(run!)) : null);
    }

    /// <summary>The value of a setting.</summary>
    public T Get<T>(Setting<T> setting) => setting.Read(_texts[setting]);

    /// <summary>All settings that are recorded, where config.json keeps them.</summary>
    public JsonObject ToJson()
    {
        var json = new JsonObject();
        foreach (var (setting, texts) in _texts)
        {
            foreach (string key in setting.Keys)
            {
                json.Set(key, setting.ToJson(texts));
            }
        }

        return json;
    }

    private static IReadOnlyList<string> Given(ParseResult parsed, ISetting setting) =>
        parsed.GetResult(
            setting.Option)!.Tokens is { Count: > 0 } tokens ? [.. tokens.Select(token => token.Value)] : [Values.On];

    private static void Refuse(bool condition, string message)
    {
        if (condition)
        {
            throw RnnLmException.Usage(message);
        }
    }
}
