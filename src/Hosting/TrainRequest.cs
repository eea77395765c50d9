using System.CommandLine;
using System.Text.Json.Nodes;
using RnnLm.Storage;

namespace RnnLm.Hosting;

/// <summary>What the user asked of <c>train</c>: each setting as given, else as the resumed run has it, else the
/// preset, else by default.</summary>
internal sealed class TrainRequest
{
    private readonly Dictionary<ISetting, IReadOnlyList<string>> _texts = [];

    private TrainRequest(Dictionary<ISetting, IReadOnlyList<string>> given, RunConfig? resumed, bool isWhole = false)
    {
        Resumed = resumed;
        Refuse(given.ContainsKey(TrainSettings.Steps) && given.ContainsKey(TrainSettings.Epochs),
            "--steps and --epochs say the same thing in two ways; give one of them");
        Refuse(resumed is not null && given.ContainsKey(TrainSettings.InitialWeights),
            "--init begins a run and --resume goes on with one; give one of them");
        Refuse(given.ContainsKey(TrainSettings.InitialWeights) && given.ContainsKey(TrainSettings.InitUniform),
            "--init and --init-uniform say the same thing in two ways; give one of them");
        string asked = given.TryGetValue(TrainSettings.PresetName, out var name)
            ? TrainSettings.PresetName.Read(name)
            : TrainSettings.PresetName.Default!;
        var preset = Preset.All[resumed?.Get(TrainSettings.PresetName) ?? asked];
        Refuse(name is not null && preset.Name != asked,
            $"--preset {asked}: the run in --run was begun with {preset.Name}; leave it out");
        foreach (var setting in TrainSettings.All)
        {
            _texts[setting] = given.TryGetValue(setting, out var texts) ? texts
                : resumed is not null && setting.Keys.Count > 0 ? resumed.Texts(setting)
                : (isWhole ? null : preset.Texts.GetValueOrDefault(setting.Option.Name)) ??
                    (setting.Default is { } value ? [value] : []);
        }

        if (given.ContainsKey(TrainSettings.Epochs))
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
                _texts[setting] = given.GetValueOrDefault(setting) ?? ["false"];
            }
        }

        if (resumed is null && !isWhole && Get(TrainSettings.Optimizer) == OptimizerKind.Adamw)
        {
            // What who writes this name expects of it.
            _texts[TrainSettings.WeightDecay] = given.GetValueOrDefault(TrainSettings.WeightDecay) ?? ["0.01"];
        }

        foreach (var setting in TrainSettings.All.Where(setting => !IsMeant(setting)))
        {
            if (given.TryGetValue(setting, out var texts))
            {
                RequireUsual(setting, texts);
            }
            else if (resumed is null)
            {
                // What the preset says of a choice that was not made.
                _texts[setting] = [setting.Default!];
            }
        }

        var schedule = Get(TrainSettings.Schedule);
        string kind = JobFormat.EnumNames.ConvertName($"{schedule}");
        Refuse(
            schedule is ScheduleKind.EpochDecay or ScheduleKind.Plateau && Get(TrainSettings.Decay) == 1,
            $"--schedule {kind} needs --decay, what the learning rate is multiplied by; 0.5 halves it");
        Refuse(
            GoesByEvaluations is not null && Get(TrainSettings.EvaluateEvery) == 0,
            $"{GoesByEvaluations} goes by evaluations, and there is only the last; give --evaluate-every");
    }

    /// <summary>The run that is resumed, as it was recorded; null for a new one.</summary>
    public RunConfig? Resumed { get; }

    /// <summary>The option because of which a run needs evaluations on the way; null when it does not.</summary>
    public string? GoesByEvaluations =>
        Get(TrainSettings.Schedule) == ScheduleKind.Plateau ? "--schedule plateau"
        : Get(TrainSettings.Patience) > 0 ? "--patience"
        : null;

    /// <summary>Reads a command line.</summary>
    /// <exception cref="RnnLmException">Options do not fit together (exit code 2), or the run to resume cannot be
    /// used.</exception>
    public static TrainRequest Read(ParseResult parsed)
    {
        bool resumes = parsed.GetValue(TrainSettings.Resume);
        string? run = parsed.GetValue(TrainSettings.Run);
        Refuse(resumes && run is null, "--resume needs --run: the run to go on with");
        var given = TrainSettings.All
            .Where(setting => parsed.GetResult(setting.Option) is { Implicit: false })
            .ToDictionary(setting => setting, setting => Given(parsed, setting));
        return new TrainRequest(given, resumes ? RunConfig.Read(RunDirectory.Open(run!)) : null);
    }

    /// <summary>What a job file asks for: it has the form of config.json, and may leave out what the preset says. A
    /// config.json itself, which has the hash of its job, is whole: its job leaves out what is as usual.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="job">The file.</param>
    /// <exception cref="RnnLmException">It holds what is no setting, or a value that cannot be (exit code 3).
    /// </exception>
    public static TrainRequest OfJobFile(string path, JsonObject job)
    {
        var given = new Dictionary<ISetting, IReadOnlyList<string>>();
        var known = TrainSettings.All.SelectMany(setting => setting.Keys).Concat(RunConfig.DerivedKeys).ToHashSet();
        if (job.Leaves().FirstOrDefault(key => !known.Contains(key)) is { } unknown)
        {
            string settings = string.Join(
                ", ", TrainSettings.All.SelectMany(setting => setting.Keys.Take(1)).Append(RunConfig.NumericsKey));
            throw RnnLmException.BadInput($"{path}: '{unknown}' is no setting; there are {settings}");
        }

        foreach (var setting in TrainSettings.All.Where(setting => setting.Keys.Any(key => job.At(key) is not null)))
        {
            string key = setting.Keys.First(key => job.At(key) is not null);
            try
            {
                given[setting] = RunConfig.TextsOf(job.At(key)!);
                setting.ToJson(given[setting]);
            }
            catch (FormatException failure)
            {
                throw RnnLmException.BadInput($"{path}: {key}: {failure.Message}", failure);
            }
        }

        return new TrainRequest(given, null, isWhole: job.ContainsKey("job_hash"));
    }

    /// <summary>What a run asks for that is gone on with as it is.</summary>
    public static TrainRequest OfRun(RunConfig run) => new([], run);

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

    /// <summary>Whether the choice that a setting is for was made.</summary>
    private bool IsMeant(ISetting setting) => setting.OnlyWith is not var (choice, values) ||
        values.Contains($"{choice.ToJson(_texts[choice])}");

    /// <summary>Refuses what is said of a choice that was not made, unless it says nothing.</summary>
    private void RequireUsual(ISetting setting, IReadOnlyList<string> texts)
    {
        var (choice, values) = setting.OnlyWith!.Value;
        Refuse(
            !JsonNode.DeepEquals(setting.ToJson(texts), setting.ToJson([setting.Default!])),
            $"{setting.Option.Name} is for {choice.Option.Name} {string.Join(" or ", values)}, not " +
            $"{choice.ToJson(_texts[choice])}; leave it out, or choose that");
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
