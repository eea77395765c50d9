using System.Text.Json;
using System.Text.Json.Nodes;
using RnnLm.Storage;

namespace RnnLm.Hosting;

/// <summary><c>config.json</c>: the job of a run, and the settings that one process of it used.</summary>
/// <param name="Settings">The values of <see cref="TrainSettings"/>, where the file keeps them.</param>
/// <param name="Job">What decides the result.</param>
/// <param name="ValidationHash">SHA-256 over the contents of the validation text's own files; null when it has
/// none.</param>
/// <param name="SelfTest">Hash that every worker's self-test must have; null until the first worker joined.</param>
/// <param name="Reproducible">False when machines that round differently have worked on the run
/// (<c>--allow-mixed</c>).</param>
internal sealed record RunConfig(
    JsonObject Settings, Job Job, string? ValidationHash, string? SelfTest, bool Reproducible)
{
    /// <summary>The format that this version writes.</summary>
    public const int CurrentFormat = 4;

    /// <summary>What a submitted run keeps, whoever goes on with it.</summary>
    public static readonly IReadOnlyList<string> SubmittedKeys = [TokensKey, ValidationTokensKey, RunIdKey];

    /// <summary>What the file holds beside settings: it follows from them, from the text or from how the run went.
    /// </summary>
    public static readonly IReadOnlyList<string> DerivedKeys =
    [
        "format", "padding_id", "validation_hash", "self_test", "reproducible", "job_hash",
        .. SubmittedKeys, EndKey + ".exit_code", EndKey + ".reason", EndKey + ".step", "job.corpus.hash",
        "job.tokenizer.hash", "job.model.vocabulary_size", "job.model.padding_id", "job.model.dropout_seed",
        "job.model.carried_rows", "job.initial_weights",
        "job.optimizer.beta1", "job.optimizer.beta2", "job.optimizer.epsilon",
        "job.optimizer.schedule.steps_per_epoch", "job.optimizer.schedule.evaluate_every",
        "job.optimizer.schedule.validation_hash", "job.gradient_dtype", NumericsKey,
    ];

    /// <summary>Which numerics a job asks for.</summary>
    public const string NumericsKey = "job.numerics";

    /// <summary>Where a submitted run has the name of its token file in the run storage.</summary>
    public const string TokensKey = "tokens";

    /// <summary>The same for its validation text.</summary>
    public const string ValidationTokensKey = "validation_tokens";

    /// <summary>Where a submitted run has its identity: what workers hold of another run is of no use to it, though
    /// the job be the same.</summary>
    public const string RunIdKey = "run_id";

    /// <summary>Where a submitted run says that it is done, or why it will not go on.</summary>
    public const string EndKey = "end";

    private const int HashDigits = 64;

    /// <summary>Of the job.</summary>
    public string JobHash { get; } = JobFormat.Hash(Job);

    /// <summary>Of a submitted run.</summary>
    public string RunId => Settings.At(RunIdKey)?.ToString() ?? string.Empty;

    /// <summary>Name of the run's token file in the run storage; null of a run that was not submitted.</summary>
    public string? Tokens { get; } = Hash(Settings, TokensKey);

    /// <summary>The same of its validation text; null when that has no files of its own.</summary>
    public string? ValidationTokens { get; } = Hash(Settings, ValidationTokensKey);

    /// <summary>That it is done, or why it will not go on; null when it goes on.</summary>
    public RunEnd? End { get; } = Value<RunEnd>(Settings, EndKey);

    /// <summary>The step to stop at.</summary>
    public long TotalSteps => Get(TrainSettings.Steps)!.Value;

    /// <summary>The value of a setting that is recorded.</summary>
    public T Get<T>(Setting<T> setting) => setting.Read(Texts(setting));

    /// <summary>The same as one would write it; by default in a run that is older than the setting.</summary>
    public IReadOnlyList<string> Texts(ISetting setting) => Settings.At(setting.Keys[0]) is { } node
        ? TextsOf(node)
        : setting.Default is { } value ? [value] : [];

    /// <summary>A value of a setting as one would write it.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static IReadOnlyList<string> TextsOf(JsonNode node) =>
        node is JsonArray list ? [.. list.Select(Text)] : [Text(node)];

    /// <summary>As the JSON object of the file of a run that goes on: its end is not in it. The first lines repeat what
    /// people look for most.</summary>
    public JsonObject ToJson()
    {
        var json = new JsonObject
        {
            ["format"] = CurrentFormat,
            ["preset"] = Get(TrainSettings.PresetName),
            ["seed"] = Job.Seed,
            ["padding_id"] = Job.Model.PaddingId,
        };
        foreach (var (key, value) in Settings.Where(entry => entry.Key != EndKey))
        {
            json[key] ??= value?.DeepClone();
        }

        json["validation_hash"] = ValidationHash;
        json["self_test"] = SelfTest;
        json["reproducible"] = Reproducible;
        json["job"] = JsonSerializer.SerializeToNode(Job, JobFormat.JsonOptions);
        json["job_hash"] = JobHash;
        return json;
    }

    /// <summary>Reads the configuration of a run.</summary>
    /// <exception cref="RnnLmException">It is missing, damaged or of another format (exit code 3).</exception>
    public static RunConfig Read(RunDirectory run)
    {
        var json = run.ReadConfig();
        try
        {
            int format = Value<int>(json, "format");
            return format switch
            {
                CurrentFormat => Parse(json),
                > 0 and < CurrentFormat => throw RnnLmException.BadInput(
                    $"'{run.ConfigPath}' is of format {format}: this version names its files otherwise, or computes " +
                    "and tokenizes otherwise, and cannot go on with it; use the version that made it, or begin " +
                    $"another run (--init '{run.Root}/final/model.safetensors' gives it these parameters)"),
                _ => throw new FormatException($"its format is {format}, this program reads format {CurrentFormat}"),
            };
        }
        catch (FormatException failure)
        {
            throw RnnLmException.BadInput(
                $"'{run.ConfigPath}' cannot be used ({failure.Message.TrimEnd('.')}); restore it from a copy or " +
                "start another run",
                failure);
        }
    }

    private static RunConfig Parse(JsonObject json)
    {
        var job = Value<Job>(json, "job") ?? throw new FormatException("it has no job");
        var config = new RunConfig(
            json,
            job,
            Hash(json, "validation_hash"),
            Hash(json, "self_test"),
            Value<bool>(json, "reproducible"));
        foreach (var setting in TrainSettings.All.Where(setting => setting.Keys.Count > 0))
        {
            config.Check(setting);
        }

        var schedule = job.Optimizer.Schedule;
        if (schedule.Kind == ScheduleKind.Plateau && (schedule.EvaluateEvery, schedule.ValidationHash) !=
            (config.Get(TrainSettings.EvaluateEvery), config.ValidationHash))
        {
            throw new FormatException("its evaluate_every or validation_hash is not its job's: it was edited");
        }

        bool isSound = IsHash(job.Corpus.Hash) && job.Model.VocabularySize > 0 && job.Model.PaddingId >= -1
            && job.Model.PaddingId < job.Model.VocabularySize;
        return isSound && config.JobHash == Value<string>(json, "job_hash")
            ? config
            : throw new FormatException("its job_hash is not that of its job: it was edited");
    }

    private void Check(ISetting setting)
    {
        string shown = string.Empty;
        try
        {
            var texts = Texts(setting);
            shown = $" {Values.Show(texts)}";
            if (setting.ToJson(texts) is null && !setting.Keys[0].StartsWith("job.", StringComparison.Ordinal))
            {
                throw new FormatException("it is missing");
            }
        }
        catch (FormatException failure)
        {
            throw new FormatException($"{setting.Keys[0]}{shown}: {failure.Message}", failure);
        }
    }

    private static T? Value<T>(JsonObject json, string key)
    {
        try
        {
            return json.At(key).Deserialize<T>(JobFormat.JsonOptions);
        }
        catch (JsonException failure)
        {
            throw new FormatException($"{key}: {failure.Message}", failure);
        }
    }

    private static string? Hash(JsonObject json, string key) => Value<string>(json, key) is not { } hash || IsHash(hash)
        ? Value<string>(json, key)
        : throw new FormatException($"{key} is not a SHA-256");

    private static bool IsHash(string text) => text.Length == HashDigits && text.All(char.IsAsciiHexDigitLower);

    private static string Text(JsonNode? node) => node switch
    {
        JsonValue value => value.TryGetValue(out string? text) ? text : value.ToJsonString(),
        _ => throw new FormatException($"{node?.ToJsonString() ?? "null"} is not a value"),
    };
}

/// <summary>How a submitted run has ended.</summary>
/// <param name="ExitCode">What <c>train</c> would have ended with.</param>
/// <param name="Reason">Its message.</param>
/// <param name="Step">Its last step, where it is done.</param>
internal sealed record RunEnd(int ExitCode, string Reason, long? Step = null)
{
    /// <summary>The end of one that is done.</summary>
    public static RunEnd Done(long step) => new((int)Shared.ExitCode.Done, "done", step);
}

/// <summary>Values inside a JSON object by their path, like <c>job.plan.seed</c>.</summary>
internal static class JsonPath
{
    /// <summary>The value there; null when there is none.</summary>
    public static JsonNode? At(this JsonObject json, string path) =>
        path.Split('.').Aggregate((JsonNode?)json, (node, name) => (node as JsonObject)?[name]);

    /// <summary>The paths of all values that are no objects.</summary>
    public static IEnumerable<string> Leaves(this JsonObject json) => json.SelectMany(member =>
        member.Value is JsonObject inner ? inner.Leaves().Select(name => $"{member.Key}.{name}") : [member.Key]);

    /// <summary>Puts a value there, making the objects on the way.</summary>
    public static void Set(this JsonObject json, string path, JsonNode? value)
    {
        string[] names = path.Split('.');
        foreach (string name in names[..^1])
        {
            json = (JsonObject)(json[name] ??= new JsonObject());
        }

        json[names[^1]] = value;
    }
}
