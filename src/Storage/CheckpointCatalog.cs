namespace RnnLm.Storage;

/// <summary>Reads the checkpoints of a run and changes nothing, so it needs no lease: for evaluate, generate and
/// inspect.</summary>
public sealed class CheckpointCatalog
{
    private readonly FileOperations _operations;
    private readonly string _directory;

    internal CheckpointCatalog(FileOperations operations, string checkpointsDirectory)
    {
        _operations = operations;
        _directory = checkpointsDirectory;
    }

    /// <summary>Steps of all checkpoint directories, good or not, ascending.</summary>
    /// <exception cref="RnnLmException">Exit code 6: the directory cannot be read.</exception>
    public IReadOnlyList<long> Steps() => StorageFailure.Guard<IReadOnlyList<long>>("read", _directory, () =>
    {
        var paths = _operations.DirectoryExists(_directory) ? _operations.Entries(_directory) : [];
        return [.. paths.Select(path => CheckpointNames.Step(Path.GetFileName(path))).OfType<long>().Order()];
    });

    /// <summary>Verifies the checkpoint of one step.</summary>
    /// <exception cref="RnnLmException">Exit code 6: it cannot be read.</exception>
    public CheckpointCheck Check(long step) => Checkpoint.Check(_operations, DirectoryOf(step));

    /// <summary>The newest checkpoint that is as it was written.</summary>
    /// <exception cref="RnnLmException">Exit code 6: one cannot be read.</exception>
    public CheckpointSearch FindNewest() => FindNewest(step => (DirectoryOf(step), IsSetAside: false));

    internal string DirectoryOf(long step) => Path.Combine(_directory, CheckpointNames.Directory(step));

    internal CheckpointSearch FindNewest(Func<long, (string Path, bool IsSetAside)> passOver)
    {
        var damaged = new List<DamagedCheckpoint>();
        foreach (long step in Steps().Reverse())
        {
            CheckpointCheck check = Check(step);
            if (check.Checkpoint is { } good)
            {
                return new CheckpointSearch(good, damaged);
            }

            (string path, bool isSetAside) = passOver(step);
            damaged.Add(new DamagedCheckpoint(step, path, check.Damage!, isSetAside));
        }

        return new CheckpointSearch(null, damaged);
    }
}

/// <summary>The newest good checkpoint of a run and the damaged ones that were passed over on the way to it.</summary>
/// <param name="Newest">Null when the run has no good checkpoint.</param>
/// <param name="Damaged">Newest first.</param>
public sealed record CheckpointSearch(Checkpoint? Newest, IReadOnlyList<DamagedCheckpoint> Damaged);

/// <summary>A checkpoint that is not as it was written.</summary>
/// <param name="Step">Its step.</param>
/// <param name="Path">Where it lies now.</param>
/// <param name="Damage">What is wrong with it.</param>
/// <param name="IsSetAside">Whether it was renamed to <c>….damaged</c>; readers without lease leave it in
/// place.</param>
public sealed record DamagedCheckpoint(long Step, string Path, string Damage, bool IsSetAside)
{
    /// <summary>One line for the user.</summary>
    public override string ToString() => IsSetAside
        ? $"checkpoint of step {Step} is damaged ({Damage}) and was set aside as '{Path}'"
        : $"checkpoint '{Path}' is damaged ({Damage}) and was passed over";
}
