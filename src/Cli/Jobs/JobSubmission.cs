using System.Text.Json;
using System.Text.Json.Nodes;
using RnnLm.Coordinator;
using RnnLm.Data;
using RnnLm.Storage;
using RnnLm.Worker;

namespace RnnLm.Cli;

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
    /// <exception cref="RnnLmException">It cannot be used, or its name is taken (exit code 3); the storage cannot be
    /// written (6).</exception>
    public static JobReport Submit(string path, string? name, RunStorage storage, ITrainingView view)
    {
        name ??= NameOf(path);
        var json = ReadFile(path);
        var request = TrainRequest.OfJobFile(path, json);
        string numerics = json.At("job.numerics")?.GetValue<string>() ?? "cpu";
        using var prepared = new JobPreparation(request, view).Run(numerics);
        var config = prepared.Config;
        config.Settings[RunConfig.RunIdKey] = Guid.NewGuid().ToString("N");
        config.Settings[RunConfig.TokensKey] = storage.Put(prepared.Corpus.Tokens);
        config.Settings[RunConfig.ValidationTokensKey] =
            prepared.ValidationCorpus is { } validation ? storage.Put(validation.Tokens) : null;
        var run = RunDirectory.CreateOrOpen(storage.PathOf(name));
        using var lease = run.TakeLease(LeaseHolder.ThisProcess());
        if (run.HasConfig)
        {
            throw RnnLmException.BadInput($"there is a job '{name}' already; give another --name");
        }

        run.WriteTokenizer(lease, TokenizerDirectory.Files(prepared.Corpus.Tokenizer));
        run.WriteConfig(lease, config.ToJson());
        SaveStart(run, lease, config, prepared.Inputs.Plan.StepsPerEpoch);
        return storage.Find(name).Read();
    }

    /// <summary>Version 0, as training begins with.</summary>
    private static void SaveStart(RunDirectory run, Lease lease, RunConfig config, long stepsPerEpoch)
    {
        var job = config.Job;
        var layout = ParameterLayout.For(job.Model);
        using var buffers = new FloatBufferPool(layout.Length);
        string validationText = config.ValidationHash ?? string.Empty;
        using var ledger = run.OpenLedger(lease, 0, LedgerChain.Empty);
        new CheckpointWriter(
            run.OpenCheckpoints(lease, validationText),
            ledger,
            new RetentionPolicy(config.Get(TrainSettings.Keep), config.Get(TrainSettings.KeepEvery)),
            layout,
            config.JobHash,
            validationText,
            stepsPerEpoch).Write(
                new SaveCheckpoint(
                    StoredState.Initial(
                        buffers, values => ParameterInitialization.Fill(job.Model, job.Seed, values.Span)),
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
            using var file = File.OpenRead(path);
            if (file.Length > MostBytes)
            {
                throw RnnLmException.BadInput($"{path}: is larger than {MostBytes} bytes; give a job file");
            }

            var options = new JsonDocumentOptions { AllowDuplicateProperties = false };
            return JsonNode.Parse(file, documentOptions: options) as JsonObject
                ?? throw new JsonException("it is no JSON object");
        }
        catch (Exception failure) when (failure is JsonException or IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.BadInput($"{path}: cannot be read as a job file: {failure.Message}", failure);
        }
    }
}
