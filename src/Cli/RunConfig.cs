using System.Text.Json;
using System.Text.Json.Nodes;
using RnnLm.Coordinator;
using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary>
/// <c>config.json</c>: the job of a run, and the settings that one process of it used. The first lines repeat what people look for most.
/// </summary>
/// <param name="Format">Of this file.</param>
/// <param name="Preset">Where settings that were not given came from.</param>
/// <param name="Seed">The job's seed.</param>
/// <param name="PaddingId">The padding token, -1 for none.</param>
/// <param name="LearningRate">Adam's step size.</param>
/// <param name="Clip">Largest gradient norm, 0 for none.</param>
/// <param name="Corpus">Absolute patterns of the training text.</param>
/// <param name="Validation">Absolute patterns of the validation text; empty when a part of the corpus is held out.</param>
/// <param name="ValidationHash">SHA-256 over the contents of the validation text's own files; null when it has none.</param>
/// <param name="TotalSteps">The step to stop at.</param>
/// <param name="EvaluateEvery">Steps between evaluations.</param>
/// <param name="CheckpointEvery">Steps between checkpoints.</param>
/// <param name="KeepLast">Newest checkpoints that are kept.</param>
/// <param name="KeepEvery">Checkpoints whose step is a multiple of this are kept too; 0 for none.</param>
/// <param name="OnDivergence">What happens with a step that is not finite.</param>
/// <param name="Prompts">Beginnings that the model continues.</param>
/// <param name="SelfTest">Hash that every worker's self-test must have; null until the first worker joined.</param>
/// <param name="Reproducible">False when machines that round differently have worked on the run (<c>--allow-mixed</c>).</param>
/// <param name="Job">What decides the result.</param>
/// <param name="JobHash">Its hash.</param>
internal sealed record RunConfig(
    int Format,
    string Preset,
    long Seed,
    int PaddingId,
    double LearningRate,
    double Clip,
    IReadOnlyList<string> Corpus,
    IReadOnlyList<string> Validation,
    string? ValidationHash,
    long TotalSteps,
    long EvaluateEvery,
    long CheckpointEvery,
    int KeepLast,
    long KeepEvery,
    DivergencePolicy OnDivergence,
    IReadOnlyList<string> Prompts,
    string? SelfTest,
    bool Reproducible,
    Job Job,
    string JobHash)
{
    /// <summary>The format that this version writes.</summary>
    public const int CurrentFormat = 1;

    /// <summary>As the JSON object of the file.</summary>
    public JsonObject ToJson() => JsonSerializer.SerializeToNode(this, JobFormat.JsonOptions)!.AsObject();

    /// <summary>Reads the configuration of a run.</summary>
    /// <exception cref="RnnLmException">It is missing, damaged or of another format (exit code 3).</exception>
    public static RunConfig Read(RunDirectory run)
    {
        var json = run.ReadConfig();
        try
        {
            var config = json.Deserialize<RunConfig>(JobFormat.JsonOptions) ?? throw new JsonException("it is null");
            if (config.Format != CurrentFormat)
            {
                throw new JsonException($"its format is {config.Format}, this program reads format {CurrentFormat}");
            }

            return JobFormat.Hash(config.Job) == config.JobHash
                ? config
                : throw new JsonException("its job_hash is not that of its job: it was edited");
        }
        catch (JsonException failure)
        {
            throw RnnLmException.BadInput(
                $"'{Path.Combine(run.Root, "config.json")}' cannot be used ({failure.Message.ReplaceLineEndings(" ").TrimEnd('.')}); restore it from a copy or start another run",
                failure);
        }
    }
}
