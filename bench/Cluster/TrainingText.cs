using System.Text.Json.Nodes;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>What is trained: a preset on a text, without validation and at a constant learning rate, so that any number
/// of steps is the beginning of any other.</summary>
/// <param name="Preset">The preset.</param>
/// <param name="Corpus">The text; null for the preset's own.</param>
/// <param name="Tokenizer">In the place of the preset's; null for that.</param>
internal sealed record TrainingText(string Preset, string? Corpus, string? Tokenizer)
{
    /// <summary>More steps than any bench waits for.</summary>
    public const long EndlessSteps = 10_000_000;

    /// <summary>The options of <c>rnnlm train</c>.</summary>
    public IReadOnlyList<string> Options(long steps, long checkpointEvery = 0) =>
    [
        "--preset", Preset,
        .. Corpus is null ? [] : new[] { "--corpus", Corpus },
        .. Tokenizer is null ? [] : new[] { "--tokenizer", Tokenizer },
        "--schedule", "constant", "--warmup", "0", "--held-out", "0", "--evaluate-every", "0",
        "--checkpoint-every", $"{checkpointEvery}", "--steps", $"{steps}",
    ];

    /// <summary>The same as a file for <c>rnnlm submit</c>.</summary>
    public JsonObject JobFile(long steps, long checkpointEvery, int minWorkers)
    {
        var job = new JsonObject
        {
            ["plan"] = new JsonObject { ["held_out_per_mille"] = 0 },
            ["optimizer"] = new JsonObject
            {
                ["schedule"] = new JsonObject { ["kind"] = "constant", ["warmup_steps"] = 0 },
            },
        };
        if (Tokenizer is not null)
        {
            job["tokenizer"] = new JsonObject { ["spec"] = Tokenizer };
        }

        var file = new JsonObject
        {
            ["preset"] = Preset,
            ["total_steps"] = steps,
            ["evaluate_every"] = 0,
            ["checkpoint_every"] = checkpointEvery,
            ["min_workers"] = minWorkers,
            ["job"] = job,
        };
        if (Corpus is not null)
        {
            file["corpus"] = new JsonArray(Corpus);
        }

        return file;
    }
}
