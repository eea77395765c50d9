using System.Text.Json.Serialization;

namespace RnnLm.Shared;

/// <summary>What the plan needs besides the token file; part of the job.</summary>
/// <param name="Mode">How the text is cut into examples.</param>
/// <param name="Context">
/// Sentences: most tokens of a line that are kept (an example has at most Context - 1 inputs). Windows: inputs T of an
/// example.
/// </param>
/// <param name="BatchSize">Examples of a step.</param>
/// <param name="Shards">S, a power of two.</param>
/// <param name="HeldOutPerMille">Share of the text kept for validation, in thousandths; 0 when other files serve for
/// that.</param>
/// <param name="Seed">Seed of the split and of every epoch's shuffle.</param>
/// <param name="Bptt">Inputs of a step where the batch is parallel streams of contiguous text, each of which goes on
/// where
/// the step before ended; 0 where examples stand by themselves.</param>
public sealed record PlanSettings(
    ExampleMode Mode, int Context, int BatchSize, int Shards, int HeldOutPerMille, long Seed, int Bptt = 0)
{
    /// <summary>Whether the batch is streams.</summary>
    [JsonIgnore]
    public bool IsStreams => Bptt > 0;

    /// <summary>A single worker's queue has room for them, twice the pieces of an evaluation and more.</summary>
    public const int MostShards = 1 << 12;
}
