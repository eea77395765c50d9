using System.Security.Cryptography;
using System.Text.Json;
using RnnLm.Data;
using RnnLm.Storage;

namespace RnnLm.Cli.Tests;

/// <summary>A run directory, as a reader of its documentation finds things in it.</summary>
public sealed class RunFiles(string root)
{
    public Job Job
    {
        get
        {
            using var config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(root, "config.json")));
            return config.RootElement.GetProperty("job").Deserialize<Job>(JobFormat.JsonOptions)!;
        }
    }

    public ITokenizer Tokenizer => TokenizerDirectory.Load(Path.Combine(root, "tokenizer"));

    /// <summary>The lines of metrics.jsonl that are about a step.</summary>
    public IReadOnlyList<JsonElement> Steps =>
        [.. File.ReadLines(Path.Combine(root, "metrics.jsonl"))
            .Select(line => JsonElement.Parse(line))
            .Where(line => line.Step() is not null)];

    /// <summary>The step of the last checkpoint.</summary>
    public long FinalStep
    {
        get
        {
            using var state = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(root, "final", "state.json")));
            return state.RootElement.GetProperty("step").GetInt64();
        }
    }

    /// <summary>SHA-256 of the last checkpoint's model and optimizer.</summary>
    public (string Model, string Optimizer) FinalHashes =>
        (Hash("final/model.safetensors"), Hash("final/optimizer.safetensors"));

    public string LedgerHash => Hash("ledger.json");

    /// <summary>A parameter of the checkpoint of step 0 or of the last one, row by row, in double.</summary>
    /// <param name="checkpoint"><c>checkpoints/step-00000000.1</c> or <c>final</c>.</param>
    /// <param name="name">Its name in the state dict.</param>
    public double[] Parameter(string checkpoint, string name)
    {
        using var file = SafetensorsFile.Open(Path.Combine(root, checkpoint, "model.safetensors"));
        var entry = file.Find(name)!;
        float[] values = new float[entry.ElementCount];
        file.Read(entry, values);
        return [.. values.Select(value => (double)value)];
    }

    private string Hash(string file) =>
        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(root, file))));
}
