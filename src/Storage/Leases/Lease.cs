namespace RnnLm.Storage;

/// <summary>
/// The right to write a run. Two guards: an exclusive lock of the operating system on <c>lease.lock</c>, which the kernel gives back when the
/// process ends in whatever way, refuses a second coordinator at once; the file <c>lease</c> with the incarnation stops an older one where the
/// lock does not reach (file systems shared between machines). <see cref="Verify"/> comes before each write, rename or removal.
/// Safe to use from several threads.
/// </summary>
public sealed class Lease : IDisposable
{
    private const string FileName = "lease";
    private const string LockName = "lease.lock";

    // EWOULDBLOCK of Linux and of macOS and BSD, and Windows' sharing violation: how .NET reports a lock held by another.
    private static readonly int[] HeldByAnother = [11, 35, unchecked((int)0x80070020)];

    private readonly string _run;
    private readonly LeaseRecord _record;
    private readonly FileStream _lock;

    private Lease(string run, LeaseRecord record, FileStream heldLock)
    {
        _run = run;
        _record = record;
        _lock = heldLock;
    }

    /// <summary>How often the run has been taken, this time included; from 1.</summary>
    public long Incarnation => _record.Incarnation;

    /// <summary>Who holds the run through this lease.</summary>
    public LeaseHolder Holder => _record.Holder;

    /// <summary>Throws when another coordinator has taken the run over.</summary>
    /// <exception cref="RnnLmException">Exit code 4: the lease is lost. Exit code 6: the file cannot be read.</exception>
    public void Verify()
    {
        string path = Path.Combine(_run, FileName);
        LeaseRecord? now = StorageFailure.Guard("read", path, () => LeaseRecord.Read(path));
        if (now != _record)
        {
            throw new RnnLmException(ExitCode.Cluster, now is null
                ? $"run '{_run}' has lost its lease (the file was removed), so this coordinator stops without writing; start it again with --resume"
                : $"run '{_run}' was taken over by {now}, so this coordinator (incarnation {Incarnation}) stops without writing; let the other one go on");
        }
    }

    /// <summary>Gives the run back. The file <c>lease</c> stays: the next incarnation counts on from it.</summary>
    public void Dispose() => _lock.Dispose();

    /// <summary>Takes the run in directory <paramref name="run"/>.</summary>
    /// <exception cref="RnnLmException">Exit code 4: another coordinator holds it. Exit code 6: the directory cannot be written.</exception>
    internal static Lease Take(FileOperations operations, string run, LeaseHolder holder)
    {
        string path = Path.Combine(run, FileName);
        return StorageFailure.Guard("write", path, () =>
        {
            FileStream heldLock = Lock(run, path);
            try
            {
                var record = new LeaseRecord((LeaseRecord.Read(path)?.Incarnation ?? 0) + 1, holder);
                AtomicFile.Write(operations, path, holder.Nonce, () => { }, file => file.Write(record.ToBytes()));
                var lease = new Lease(run, record, heldLock);

                // Where locks do not reach, two may have come this far: the last to write has the run.
                lease.Verify();
                return lease;
            }
            catch
            {
                heldLock.Dispose();
                throw;
            }
        });
    }

    private static FileStream Lock(string run, string path)
    {
        try
        {
            return new FileStream(Path.Combine(run, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException failure) when (HeldByAnother.Contains(failure.HResult))
        {
            string holder = LeaseRecord.Read(path)?.ToString() ?? "another process";
            throw new RnnLmException(ExitCode.Cluster, $"run '{run}' is in use by {holder}; wait until it ends, stop it, or choose another --run", failure);
        }
    }
}
