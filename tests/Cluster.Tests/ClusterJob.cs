using System.Text.Json;
using System.Text.Json.Nodes;

namespace RnnLm.Cluster.Tests;

/// <summary>
/// A small character model. One that is endless goes on until it is cancelled; then `train` to the step that it reached
/// is what it is compared with, for its learning rate does not depend on where it ends.
/// </summary>
/// <param name="Name">Of the job.</param>
internal sealed record ClusterJob(string Name)
{
    /// <summary>More steps than any test waits for.</summary>
    public const long Never = 1_000_000_000;

    /// <summary>Where it ends.</summary>
    public long Steps { get; init; } = Never;

    /// <summary>Width of the model: how long a step takes.</summary>
    public int Dimension { get; init; } = 16;

    /// <summary>Examples of a step.</summary>
    public int Batch { get; init; } = 13;

    /// <summary>Of the parameters at the start.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Steps between checkpoints.</summary>
    public int CheckpointEvery { get; init; } = 50;

    /// <summary>Of a thousand parts of the text, those for validation: its last step is evaluated on them.</summary>
    public int HeldOut { get; init; }

    /// <summary>Workers that the first step waits for.</summary>
    public int MinWorkers { get; init; } = 1;

    /// <summary>The file for <c>rnnlm submit</c>.</summary>
    public string File => new JsonObject
    {
        ["preset"] = "char",
        ["corpus"] = new JsonArray("corpus.txt"),
        ["total_steps"] = Steps,
        ["evaluate_every"] = 0,
        ["checkpoint_every"] = CheckpointEvery,
        ["min_workers"] = MinWorkers,
        ["seed"] = Seed,
        ["job"] = new JsonObject
        {
            ["model"] = new JsonObject { ["dimension"] = Dimension, ["layers"] = 2 },
            ["plan"] = new JsonObject
            {
                ["context"] = 12,
                ["batch_size"] = Batch,
                ["shards"] = 8,
                ["held_out_per_mille"] = HeldOut,
            },
            ["optimizer"] = new JsonObject
            {
                ["schedule"] = new JsonObject { ["kind"] = "constant", ["warmup_steps"] = 0 },
            },
        },
    }.ToJsonString(JsonSerializerOptions.Default);

    /// <summary>The same for <c>rnnlm train</c> in one process.</summary>
    public IReadOnlyList<string> TrainTo(long step, string run) =>
    [
        "train", "--run", run, "--preset", "char", "--corpus", "corpus.txt", "--steps", $"{step}",
        "--evaluate-every", "0", "--checkpoint-every", "0", "--seed", $"{Seed}",
        "--dimension", $"{Dimension}", "--layers", "2",
        "--context", "12", "--batch", $"{Batch}", "--shards", "8", "--held-out", "0",
        "--schedule", "constant", "--warmup", "0", "--json",
    ];
}
