namespace RnnLm.Storage;

/// <summary>
/// Writes, prunes and sets aside the checkpoints of a run: <c>checkpoints/step-00000100.2/{model.safetensors,
/// optimizer.safetensors, state.json, DONE}</c> and the relative links <c>final</c> (to the last) and <c>best</c> (to
/// that of the lowest validation loss, the earlier of equals) beside it. <see cref="CheckpointName"/> says which
/// directories count.
/// <para>
/// A checkpoint is built in a temporary sibling directory, each file flushed to the disk, DONE last, and takes its name
/// by one rename. Whatever interrupts that leaves the old state or the new. The lease is verified before each of these
/// writes, renames and removals.
/// </para>
/// <para>One thread at a time; which one does not matter.</para>
/// </summary>
public sealed class CheckpointStore
{
    private const string FinalLink = "final";
    private const string DamagedSuffix = ".damaged";

    private readonly FileOperations _operations;
    private readonly Lease _lease;
    private readonly string _run;
    private readonly string _directory;
    private readonly IReadOnlyList<IncarnationFile> _files;
    private readonly CheckpointCatalog _catalog;
    private readonly string? _validationText;
    private readonly Dictionary<long, double> _validationLosses = [];

    internal CheckpointStore(
        FileOperations operations,
        string run,
        string directory,
        IReadOnlyList<IncarnationFile> files,
        Lease lease,
        string? validationText)
    {
        _operations = operations;
        _lease = lease;
        _validationText = validationText;
        _run = run;
        _directory = directory;
        _files = files;
        _catalog = new CheckpointCatalog(operations, directory);
    }

    /// <summary>Steps of all checkpoint directories, ascending.</summary>
    public IReadOnlyList<long> Steps => _catalog.Steps();

    /// <summary>Step of the checkpoint with the lowest validation loss; null when none was validated.</summary>
    public long? BestStep => _validationLosses.Count == 0
        ? null
        : _validationLosses.MinBy(entry => (entry.Value, entry.Key)).Key;

    /// <summary>Writes a checkpoint and moves the links. One of the same step with other bytes, like one without a
    /// validation loss, counts no longer, and stays until the next pruning.</summary>
    /// <returns>The directory of the checkpoint.</returns>
    /// <exception cref="RnnLmException">Exit code 6: it could not be written. What was there before stands, or the
    /// checkpoint is complete and only a link lags until the next save or opening. Exit code 4: the lease is
    /// lost.</exception>
    public string Save(CheckpointSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        if (snapshot.State.ValidationLoss is { } loss && !double.IsFinite(loss))
        {
            throw new ArgumentException($"the validation loss {loss} is not finite", nameof(snapshot));
        }

        var name = new CheckpointName(snapshot.State.Step, _lease.Incarnation);
        string temporary = TemporaryName.For(_catalog.PathOf(name), _lease.Tag);
        return _lease.Guard("write checkpoint", _catalog.PathOf(name), () =>
        {
            string path;
            try
            {
                path = Place(temporary, name, Build(temporary, snapshot));
            }
            catch
            {
                AtomicFile.TryRemove(_operations, temporary);
                throw;
            }

            Remember(name.Step, snapshot.State);
            MoveLinks();
            return path;
        });
    }

    /// <summary>Removes the checkpoints that the policy does not keep, and what counts no longer. Those of a higher
    /// incarnation are its own concern.</summary>
    /// <returns>The steps that the policy does not keep, ascending.</returns>
    /// <exception cref="RnnLmException">Exit code 6: one could not be removed. Exit code 4: the lease is
    /// lost.</exception>
    public IReadOnlyList<long> Prune(RetentionPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        IReadOnlyList<CheckpointName> names = _catalog.Names();
        var lineage = CheckpointName.Lineage(names);
        IReadOnlyList<long> removable = policy.Removable([.. lineage.Select(name => name.Step)], BestStep);
        var kept = lineage.Where(name => !removable.Contains(name.Step)).ToHashSet();
        foreach (var name in names.Where(name => name.Incarnation <= _lease.Incarnation && !kept.Contains(name)))
        {
            string path = _catalog.PathOf(name);
            _lease.Guard("remove checkpoint", path, () => Remove(path));
        }

        foreach (long step in removable)
        {
            _validationLosses.Remove(step);
        }

        return removable;
    }

    /// <summary>The newest checkpoint that is as it was written. Damaged newer ones are renamed to <c>….damaged</c> and
    /// reported.</summary>
    /// <exception cref="RnnLmException">Exit code 6: one cannot be read or renamed. Exit code 4: the lease is
    /// lost.</exception>
    public CheckpointSearch FindNewest()
    {
        CheckpointSearch search = _catalog.FindNewest(name => (SetAside(name), IsSetAside: true));
        if (search.Damaged.Count > 0)
        {
            _lease.Guard("write", _run, MoveLinks);
        }

        return search;
    }

    /// <summary>Opens the checkpoints of a run for writing: takes over those of the holders before, removes what they
    /// left unfinished and mends the links.</summary>
    /// <exception cref="RnnLmException">As <see cref="Save"/>.</exception>
    internal CheckpointStore Open() => _lease.Guard("write", _directory, () =>
    {
        _lease.Verify();
        _operations.CreateDirectory(_directory);
        TemporaryName.RemoveLower(_operations, _directory, _lease.Incarnation);
        TakeOver();
        MoveLinks();
        return this;
    });

    /// <summary>Gives the checkpoints of the run this incarnation, so that a holder that lost it can neither prune them
    /// nor write beside them what counts.</summary>
    private void TakeOver()
    {
        IReadOnlyList<CheckpointName> lineage;
        do
        {
            // Before they are renamed, so that the links point nowhere as briefly as possible.
            lineage = _catalog.Lineage();
            _validationLosses.Clear();
            foreach (var name in lineage)
            {
                // A damaged state has no loss here; FindNewest names it when its turn comes.
                Remember(name.Step, Checkpoint.ReadState(_operations, _catalog.PathOf(name)));
            }
        }
        while (!lineage.Where(name => name.Incarnation < _lease.Incarnation).All(TryTakeOver));

        // Also for what a writer that was killed had renamed and not synced: it is relied on from here on.
        _operations.FlushDirectory(_directory);
    }

    /// <summary>False when it is not there any more: a holder that was stopped before it removed or renamed it has done
    /// that meanwhile.</summary>
    private bool TryTakeOver(CheckpointName name)
    {
        string path = _catalog.PathOf(name);
        _lease.Verify();
        try
        {
            _operations.Rename(path, _catalog.PathOf(new CheckpointName(name.Step, _lease.Incarnation)));
        }
        catch (IOException) when (_catalog.IsRemoved(path))
        {
            return false;
        }

        // The newest goes first and is on the disk before the next: were an older one alone renamed when the power
        // fails, the newest would count no longer.
        _operations.FlushDirectory(_directory);
        return true;
    }

    private byte[] Build(string temporary, CheckpointSnapshot snapshot)
    {
        _lease.Verify();
        TemporaryName.Remove(_operations, temporary);
        _operations.CreateDirectory(temporary);
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        void Write(string name, Action<DurableFile> write) => hashes[name] = WriteFile(temporary, name, write);
        Write(CheckpointNames.Model, file => SafetensorsWriter.Write(file, snapshot.Model));
        Write(CheckpointNames.Optimizer, file => SafetensorsWriter.Write(file, snapshot.Optimizer));
        Write(CheckpointNames.State, file => file.Write(snapshot.State.ToBytes()));
        byte[] done = Checkpoint.Done(hashes);
        Write(CheckpointNames.Done, file => file.Write(done));
        _operations.FlushDirectory(temporary);
        return done;
    }

    private string WriteFile(string directory, string name, Action<DurableFile> write)
    {
        _lease.Verify();
        using var file = new DurableFile(_operations, Path.Combine(directory, name));
        write(file);
        return file.Finish();
    }

    private string Place(string temporary, CheckpointName name, byte[] done)
    {
        var before = _catalog.Lineage().FirstOrDefault(other => other with { Rewrite = 0 } == name);
        if (before is not null)
        {
            CheckpointCheck check = Checkpoint.Check(_operations, _catalog.PathOf(before));
            if (check.Checkpoint is { } same && Checkpoint.Done(same.Hashes).AsSpan().SequenceEqual(done))
            {
                TemporaryName.Remove(_operations, temporary);
                return same.Path;
            }

            // A directory cannot be replaced in one rename: the new one gets a name that supersedes the old one's.
            name = before with { Rewrite = before.Rewrite + 1 };
        }

        string path = _catalog.PathOf(name);
        _lease.Verify();
        _operations.Rename(temporary, path);
        _operations.FlushDirectory(_directory);
        return path;
    }

    private void Remove(string path)
    {
        // First out of its name, so that a removal cut short leaves no half checkpoint.
        string temporary = TemporaryName.For(path, _lease.Tag);
        _lease.Verify();
        TemporaryName.Remove(_operations, temporary);
        _operations.Rename(path, temporary);
        _operations.FlushDirectory(_directory);
        _operations.DeleteDirectory(temporary);
    }

    private string SetAside(CheckpointName name)
    {
        string path = _catalog.PathOf(name);
        string aside = path + DamagedSuffix;
        for (int number = 2; _operations.DirectoryExists(aside); number++)
        {
            aside = $"{path}{DamagedSuffix}-{number}";
        }

        _lease.Guard("set aside checkpoint", path, () =>
        {
            _lease.Verify();
            _operations.Rename(path, aside);
            _operations.FlushDirectory(_directory);
        });
        _validationLosses.Remove(name.Step);
        return aside;
    }

    private void Remember(long step, CheckpointState? state)
    {
        if (state?.LossOn(_validationText) is { } loss)
        {
            _validationLosses[step] = loss;
        }
        else
        {
            _validationLosses.Remove(step);
        }
    }

    private void MoveLinks()
    {
        var lineage = _catalog.Lineage();
        long? best = BestStep;
        PointLink(FinalLink, lineage is [var newest, ..] ? newest : null);
        PointLink(CheckpointCatalog.BestLink, lineage.FirstOrDefault(name => name.Step == best));
        foreach (var file in _files)
        {
            file.PointLink(_lease);
        }
    }

    private void PointLink(string name, CheckpointName? to)
    {
        string link = Path.Combine(_run, name);
        string? target = to is null ? null : Path.Combine(Path.GetFileName(_directory), to.ToString());
        if (_operations.LinkTarget(link) == target)
        {
            return;
        }

        _lease.Verify();
        if (target is null)
        {
            _operations.DeleteFile(link);
        }
        else
        {
            AtomicFile.Link(_operations, link, target, _lease.Tag);
        }
    }
}

/// <summary>
/// An immutable version, ready to be written on any thread. The memory behind the tensors must stay as it is until
/// <see cref="CheckpointStore.Save"/> returns or throws.
/// </summary>
/// <param name="State">Where training stood.</param>
/// <param name="Model">Parameters, in the order they are to have in the file.</param>
/// <param name="Optimizer">State of the optimizer, likewise.</param>
public sealed record CheckpointSnapshot(
    CheckpointState State, IReadOnlyList<NamedTensor> Model, IReadOnlyList<NamedTensor> Optimizer);

/// <summary>Which checkpoints of a run are kept: the last ones, every M-th, the best, and always that of step
/// 0.</summary>
/// <param name="KeepLast">How many of the newest to keep, at least 1.</param>
/// <param name="KeepEvery">Keep those whose step is a multiple of this; 0 for none but the others.</param>
public sealed record RetentionPolicy(int KeepLast, long KeepEvery = 0)
{
    /// <summary>The steps to remove, ascending.</summary>
    /// <param name="steps">Steps of all checkpoints.</param>
    /// <param name="best">Step of the best one, if any was validated.</param>
    public IReadOnlyList<long> Removable(IReadOnlyCollection<long> steps, long? best)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(KeepLast, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(KeepEvery);
        return [.. steps.Order().SkipLast(KeepLast)
            .Where(step => step != 0 && step != best && (KeepEvery == 0 || step % KeepEvery != 0))];
    }
}
