using System.Globalization;

namespace RnnLm.Storage;

/// <summary>
/// Writes, prunes and sets aside the checkpoints of a run: <c>checkpoints/step-00000100/{model.safetensors,
/// optimizer.safetensors, state.json, DONE}</c> and the relative links <c>final</c> (to the last) and <c>best</c> (to
/// that of the lowest validation loss, the earlier of equals) beside it.
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
    private const string BestLink = "best";
    private const string DamagedSuffix = ".damaged";

    private readonly FileOperations _operations;
    private readonly Lease _lease;
    private readonly string _run;
    private readonly string _directory;
    private readonly string _tag;
    private readonly CheckpointCatalog _catalog;
    private readonly string? _validationText;
    private readonly Dictionary<long, double> _validationLosses = [];

    private CheckpointStore(
        FileOperations operations, string run, string directory, Lease lease, string? validationText)
    {
        _operations = operations;
        _lease = lease;
        _validationText = validationText;
        _run = run;
        _directory = directory;
        _tag = lease.Incarnation.ToString(CultureInfo.InvariantCulture);
        _catalog = new CheckpointCatalog(operations, directory);
    }

    /// <summary>Steps of all checkpoint directories, ascending.</summary>
    public IReadOnlyList<long> Steps => _catalog.Steps();

    /// <summary>Step of the checkpoint with the lowest validation loss; null when none was validated.</summary>
    public long? BestStep => _validationLosses.Count == 0
        ? null
        : _validationLosses.MinBy(entry => (entry.Value, entry.Key)).Key;

    /// <summary>Writes a checkpoint and moves the links. One of the same step that is there is replaced, unless it
    /// already holds these bytes.</summary>
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

        string path = _catalog.DirectoryOf(snapshot.State.Step);
        string temporary = TemporaryName.For(path, _tag);
        return StorageFailure.Guard("write checkpoint", path, () =>
        {
            try
            {
                byte[] done = Build(temporary, snapshot);
                Place(temporary, path, snapshot.State.Step, done);
            }
            catch
            {
                AtomicFile.TryRemove(_operations, temporary);
                throw;
            }

            Remember(snapshot.State.Step, snapshot.State);
            MoveLinks();
            return path;
        });
    }

    /// <summary>Removes the checkpoints that the policy does not keep.</summary>
    /// <returns>The removed steps, ascending.</returns>
    /// <exception cref="RnnLmException">Exit code 6: one could not be removed. Exit code 4: the lease is
    /// lost.</exception>
    public IReadOnlyList<long> Prune(RetentionPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        IReadOnlyList<long> removable = policy.Removable(Steps, BestStep);
        foreach (long step in removable)
        {
            string path = _catalog.DirectoryOf(step);
            StorageFailure.Guard("remove checkpoint", path, () => Remove(path));
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
        CheckpointSearch search = _catalog.FindNewest(step => (SetAside(step), IsSetAside: true));
        if (search.Damaged.Count > 0)
        {
            StorageFailure.Guard("write", _run, MoveLinks);
        }

        return search;
    }

    /// <summary>Opens the checkpoints of a run for writing: finishes or undoes what a dead writer left and mends the
    /// links.</summary>
    internal static CheckpointStore Open(
        FileOperations operations, string run, string directory, Lease lease, string? validationText)
    {
        var store = new CheckpointStore(operations, run, directory, lease, validationText);
        StorageFailure.Guard("write", directory, () =>
        {
            lease.Verify();
            operations.CreateDirectory(directory);
            TemporaryName.RemoveAll(operations, directory);
            store.FinishReplacements();
            foreach (long step in store.Steps)
            {
                // A damaged state has no loss here; FindNewest names it when its turn comes.
                store.Remember(step, Checkpoint.ReadState(operations, store._catalog.DirectoryOf(step)));
            }

            store.MoveLinks();
        });
        return store;
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

    private void Place(string temporary, string path, long step, byte[] done)
    {
        _lease.Verify();
        if (!_operations.DirectoryExists(path))
        {
            _operations.Rename(temporary, path);
            _operations.FlushDirectory(_directory);
            return;
        }

        if (_catalog.Check(step).Checkpoint is { } same && Checkpoint.Done(same.Hashes).AsSpan().SequenceEqual(done))
        {
            TemporaryName.Remove(_operations, temporary);
            return;
        }

        // A directory cannot be replaced in one rename. The old one waits under a name from which opening the run
        // brings it back.
        string replaced = Path.Combine(_directory, CheckpointNames.ReplacedDirectory(step));
        TemporaryName.Remove(_operations, replaced);
        _operations.Rename(path, replaced);
        try
        {
            _operations.Rename(temporary, path);
        }
        catch (Exception failure) when (StorageFailure.IsOne(failure))
        {
            _operations.Rename(replaced, path);
            throw;
        }

        _operations.FlushDirectory(_directory);
        TemporaryName.Remove(_operations, replaced);
    }

    private void FinishReplacements()
    {
        foreach (string replaced in _operations.Entries(_directory))
        {
            if (CheckpointNames.ReplacedStep(Path.GetFileName(replaced)) is not { } step)
            {
                continue;
            }

            string path = _catalog.DirectoryOf(step);
            if (_operations.DirectoryExists(path))
            {
                _operations.DeleteDirectory(replaced);
            }
            else
            {
                _operations.Rename(replaced, path);
                _operations.FlushDirectory(_directory);
            }
        }
    }

    private void Remove(string path)
    {
        // First out of its name, so that a removal cut short leaves no half checkpoint.
        string temporary = TemporaryName.For(path, _tag);
        _lease.Verify();
        TemporaryName.Remove(_operations, temporary);
        _operations.Rename(path, temporary);
        _operations.FlushDirectory(_directory);
        _operations.DeleteDirectory(temporary);
    }

    private string SetAside(long step)
    {
        string path = _catalog.DirectoryOf(step);
        string aside = path + DamagedSuffix;
        for (int number = 2; _operations.DirectoryExists(aside); number++)
        {
            aside = $"{path}{DamagedSuffix}-{number}";
        }

        StorageFailure.Guard("set aside checkpoint", path, () =>
        {
            _lease.Verify();
            _operations.Rename(path, aside);
            _operations.FlushDirectory(_directory);
        });
        _validationLosses.Remove(step);
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
        IReadOnlyList<long> steps = Steps;
        PointLink(FinalLink, steps.Count == 0 ? null : steps[^1]);
        PointLink(BestLink, BestStep);
    }

    private void PointLink(string name, long? step)
    {
        string link = Path.Combine(_run, name);
        string? target = step is { } to
            ? Path.Combine(Path.GetFileName(_directory), CheckpointNames.Directory(to))
            : null;
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
            AtomicFile.Link(_operations, link, target, _tag);
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
