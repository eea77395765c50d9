namespace RnnLm.Storage;

/// <summary>What verifying a checkpoint directory found.</summary>
/// <param name="Path">The directory, as it was named then.</param>
/// <param name="Checkpoint">The checkpoint when it is good.</param>
/// <param name="Damage">What is wrong with it when it is not.</param>
public sealed record CheckpointCheck(string Path, Checkpoint? Checkpoint, string? Damage)
{
    internal static CheckpointCheck Bad(string path, string damage) => new(path, null, damage);
}
