using System.Text.Json;
using System.Text.Json.Nodes;
using RnnLm.Coordinator;
using RnnLm.Data;
using RnnLm.Storage;

namespace RnnLm.Hosting;

/// <summary>
/// Puts a job into the run storage: tokenizes on this machine, stores the token file by its content, and begins the run
/// with its configuration, tokenizer and the checkpoint of step 0. Whoever runs it reads nothing else.
/// </summary>
internal static class JobSubmission
{
    private const int MostBytes = 16 << 20;

    /// <summary>Submits a job.</summary>
    /// <param name="path">The job file.</param>
    /// <param name="name">The job's name; null for the file's.</param>
    /// <param name="storage">Where it goes.</param>
    /// <param name="view">Shows how far it is.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="RnnLmException">It cannot be used, or its name is taken (exit code 3); the storage cannot be
    /// written (6).</exception>
    public static JobReport Submit(
        string path, string? name, RunStorage storage, ITrainingView view, TimeProvider time)
    {
        name ??= NameOf(path);
        var json = ReadFile(path);
        var request = TrainRequest.OfJobFile(path, json);
        string numerics = NumericsOf(path, json);
        RequireFree(name, storage);
        using var prepared = new JobPreparation(request, view).Run(numerics);
        var config = prepared.Config.ToJson();
        RequireSame(path, json, config);
        config[RunConfig.RunIdKey] = Guid.NewGuid().ToString("N");
        config[RunConfig.TokensKey] = storage.Put(prepared.Corpus.Tokens, time);
        config[RunConfig.ValidationTokensKey] =
            prepared.ValidationCorpus is { } validation ? storage.Put(validation.Tokens, time) : null;
        var run = RunDirectory.CreateOrOpen(storage.PathOf(name));
        using var lease = Take(run, name);

        // Another may have had it since, which was not there when this one looked.
        RequireFree(name, storage);
        run.WriteTokenizer(lease, TokenizerDirectory.Files(prepared.Corpus.Tokenizer), replaces: true);
        SaveStart(run, lease, prepared.Config, prepared.Inputs.Plan.StepsPerEpoch);

        // Last: what has no configuration is no job yet, and is submitted again.
        run.WriteConfig(lease, config);
        return storage.Find(name).Read();
    }

    private static string NumericsOf(string path, JsonObject json) => json.At(RunConfig.NumericsKey) switch
    {
        null => "cpu",
        JsonValue value when value.TryGetValue(out string? text) && text is "cpu" or "cuda" => text,
        var other => throw RnnLmException.BadInput(
            $"{path}: job.numerics {other.ToJsonString()}: it must be \"cpu\" or \"cuda\""),
    };

    private static void RequireFree(string name, RunStorage storage)
    {
        if (storage.Has(name))
        {
            throw RnnLmException.BadInput($"there is a job '{name}' already; give another --name");
        }
    }

    /// <summary>Who gives what follows from text and settings wants that job and no other.</summary>
    private static void RequireSame(string path, JsonObject given, JsonObject prepared)
    {
        string[] different =
        [
            .. RunConfig.DerivedKeys.Where(key => key.StartsWith("job.", StringComparison.Ordinal)
                && given.At(key) is { } value && !JsonNode.DeepEquals(value, prepared.At(key))),
        ];
        if (different.Length > 0)
        {
            throw RnnLmException.BadInput(
                $"{path}: {string.Join(", ", different)}: this is not what the text and the settings here make; " +
                "leave it out, or give the right text");
        }
    }

    private static Lease Take(RunDirectory run, string name)
    {
        try
        {
            return run.TakeLease(LeaseHolder.ThisProcess());
        }
        catch (RnnLmException failure) when (failure.ExitCode == ExitCode.Cluster)
        {
            throw RnnLmException.BadInput(
                $"job '{name}' is being submitted by another process; give another --name", failure);
        }
    }

    /// <summary>Version 0, as training begins with.</summary>
    private static void SaveStart(RunDirectory run, Lease lease, RunConfig config, long stepsPerEpoch)
    {
        var job = config.Job;
        var layout = ParameterLayout.For(job.Model);
        using var buffers = new FloatBufferPool(layout.BufferLength);
        string validationText = config.ValidationHash ?? string.Empty;
        using var ledger = run.OpenLedger(lease, 0, LedgerChain.Empty);
        new CheckpointWriter(
            run.OpenCheckpoints(lease, validationText),
            ledger,
            new RetentionPolicy(config.Get(TrainSettings.Keep), config.Get(TrainSettings.KeepEvery)),
            layout,
            job.Optimizer,
            config.JobHash,
            validationText,
            stepsPerEpoch).Write(
                new SaveCheckpoint(
                    TrainingSession.InitialState(job, buffers),
                    null,
                    IsBest: false),
                flushMetrics: () => { },
                warn: _ => { });
    }

    private static string NameOf(string path)
    {
        try
        {
            return RunStorage.JobName(Path.GetFileNameWithoutExtension(path));
        }
        catch (FormatException failure)
        {
            throw RnnLmException.BadInput($"{path}: its name cannot be the job's: {failure.Message}; give --name");
        }
    }

    private static JsonObject ReadFile(string path)
    {
        try
        {
            // What is no file, like a pipe, does not say how long it is.
            using var file = File.OpenRead(path);
            byte[] bytes = new byte[MostBytes + 1];
            int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (length > MostBytes)
            {
                throw RnnLmException.BadInput($"{path}: is larger than {MostBytes} bytes; give a job file");
            }

            var options = new JsonDocumentOptions { AllowDuplicateProperties = false };
            return JsonNode.Parse(new MemoryStream(bytes, 0, length), documentOptions: options) as JsonObject
                ?? throw new JsonException("it is no JSON object");
        }
        catch (Exception failure) when (failure is JsonException or IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.BadInput($"{path}: cannot be read as a job file: {failure.Message}", failure);
        }
    }
}
