namespace RnnLm.Storage;

/// <summary>The newest good checkpoint of a run and the damaged ones that were passed over on the way to it.</summary>
/// <param name="Newest">Null when the run has no good checkpoint.</param>
/// <param name="Damaged">Newest first.</param>
public sealed record CheckpointSearch(Checkpoint? Newest, IReadOnlyList<DamagedCheckpoint> Damaged);

/// <summary>A checkpoint that is not as it was written.</summary>
/// <param name="Step">Its step.</param>
/// <param name="Path">Where it lies now.</param>
/// <param name="Damage">What is wrong with it.</param>
/// <param name="IsSetAside">Whether it was renamed to <c>….damaged</c>; readers without lease leave it in place.</param>
public sealed record DamagedCheckpoint(long Step, string Path, string Damage, bool IsSetAside)
{
    /// <summary>One line for the user.</summary>
    public override string ToString() => IsSetAside
        ? $"checkpoint of step {Step} is damaged ({Damage}) and was set aside as '{Path}'"
        : $"checkpoint '{Path}' is damaged ({Damage}) and was passed over";
}
