namespace RnnLm.Storage;

/// <summary>Reads the checkpoints of a run and changes nothing, so it needs no lease: for evaluate, generate and
/// inspect. The run may be trained meanwhile: what is removed while it is read counts as if it had never been
/// listed.</summary>
public sealed class CheckpointCatalog
{
    /// <summary>Name of the link, in the run, to the checkpoint with the lowest validation loss.</summary>
    internal const string BestLink = "best";

    private readonly FileOperations _operations;
    private readonly string _directory;

    internal CheckpointCatalog(FileOperations operations, string checkpointsDirectory)
    {
        _operations = operations;
        _directory = checkpointsDirectory;
    }

    /// <summary>Steps of all checkpoint directories, good or not, ascending.</summary>
    /// <exception cref="RnnLmException">Exit code 6: the directory cannot be read.</exception>
    public IReadOnlyList<long> Steps() => [.. Lineage().Select(name => name.Step).Order()];

    /// <summary>Verifies the checkpoint of one step; null when there is none.</summary>
    /// <exception cref="RnnLmException">Exit code 6: it cannot be read.</exception>
    public CheckpointCheck? Check(long step)
    {
        while (Lineage().FirstOrDefault(name => name.Step == step) is { } name)
        {
            if (Check(name) is { } check)
            {
                return check;
            }
        }

        return null;
    }

    /// <summary>The newest checkpoint that is as it was written.</summary>
    /// <exception cref="RnnLmException">Exit code 6: one cannot be read.</exception>
    public CheckpointSearch FindNewest() => FindNewest(name => (PathOf(name), IsSetAside: false));

    /// <summary>Reads something of the newest good checkpoint; null when there is none.</summary>
    /// <param name="read">Reads it. It is called again with another one when this one is removed meanwhile.</param>
    /// <exception cref="RnnLmException">As <paramref name="read"/>. Exit code 6: one cannot be read.</exception>
    public T? ReadNewest<T>(Func<Checkpoint, T> read)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(read);
        while (FindNewest().Newest is { } newest)
        {
            try
            {
                return read(newest);
            }
            catch (RnnLmException) when (IsRemoved(newest.Path))
            {
            }
        }

        return null;
    }

    /// <summary>Reads something of the checkpoint with the lowest validation loss, which the link <c>best</c> of the run
    /// names; null when there is none.</summary>
    /// <param name="read">As for <see cref="ReadNewest"/>.</param>
    /// <exception cref="RnnLmException">As <paramref name="read"/>. Exit code 3: it is damaged, or gone although the
    /// link names it. Exit code 6: it cannot be read.</exception>
    public T? ReadBest<T>(Func<Checkpoint, T> read)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(read);
        while (BestPath() is { } path)
        {
            try
            {
                return read(Checkpoint.Open(_operations, path));
            }
            catch (RnnLmException) when (IsRemoved(path) && BestPath() != path)
            {
            }
        }

        return null;
    }

    /// <summary>Whether a checkpoint directory is not there any more.</summary>
    /// <exception cref="RnnLmException">Exit code 6: the directory around it cannot be read.</exception>
    public bool IsRemoved(string path) => !Names().Any(name => PathOf(name) == path);

    internal string PathOf(CheckpointName name) => Path.Combine(_directory, name.ToString());

    /// <summary>The checkpoints that make up the run, newest first.</summary>
    internal IReadOnlyList<CheckpointName> Lineage() => CheckpointName.Lineage(Names());

    /// <summary>All that are there, in no order.</summary>
    internal IReadOnlyList<CheckpointName> Names() => StorageFailure.Guard<IReadOnlyList<CheckpointName>>(
        "read",
        _directory,
        () =>
        {
            var paths = _operations.DirectoryExists(_directory) ? _operations.Entries(_directory) : [];
            return [.. paths.Select(path => CheckpointName.Parse(Path.GetFileName(path))).OfType<CheckpointName>()];
        });

    internal CheckpointSearch FindNewest(Func<CheckpointName, (string Path, bool IsSetAside)> passOver)
    {
        var damaged = new List<DamagedCheckpoint>();
        var passed = new HashSet<CheckpointName>();
        while (Lineage().FirstOrDefault(name => !passed.Contains(name)) is { } name)
        {
            if (Check(name) is not { } check)
            {
                continue;
            }

            if (check.Checkpoint is { } good)
            {
                return new CheckpointSearch(good, damaged);
            }

            passed.Add(name);
            (string path, bool isSetAside) = passOver(name);
            damaged.Add(new DamagedCheckpoint(name.Step, path, check.Damage!, isSetAside));
        }

        return new CheckpointSearch(null, damaged);
    }

    private string? BestPath()
    {
        string run = Path.GetDirectoryName(_directory)!;
        string link = Path.Combine(run, BestLink);
        string? target = StorageFailure.Guard("read", link, () => _operations.LinkTarget(link));
        return target is null ? null : Path.Combine(run, target);
    }

    /// <summary>Null when it was removed meanwhile.</summary>
    private CheckpointCheck? Check(CheckpointName name)
    {
        CheckpointCheck check = Checkpoint.Check(_operations, PathOf(name));
        return check.Checkpoint is null && IsRemoved(PathOf(name)) ? null : check;
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
