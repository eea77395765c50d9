using System.Security.Cryptography;
using System.Text.Json;

namespace RnnLm.Storage;

/// <summary>
/// The right to write a run. Two guards: an exclusive lock of the operating system on <c>lease.lock</c>, which the
/// kernel gives back when the process ends in whatever way, refuses a second coordinator at once; the file <c>lease</c>
/// with the incarnation stops an older one where the lock does not reach (file systems shared between machines).
/// <see cref="Verify"/> comes before each write, rename or removal. Safe to use from several threads.
/// </summary>
public sealed class Lease : IDisposable
{
    private const string FileName = "lease";
    private const string LockName = "lease.lock";

    private readonly FileOperations _operations;
    private readonly string _run;
    private readonly LeaseRecord _record;
    private readonly IDisposable _lock;

    private Lease(FileOperations operations, string run, LeaseRecord record, IDisposable heldLock)
    {
        _operations = operations;
        _run = run;
        _record = record;
        _lock = heldLock;
    }

    /// <summary>How often the run has been taken, this time included; from 1.</summary>
    public long Incarnation => _record.Incarnation;

    /// <summary>Tells temporary files of this holder from another's.</summary>
    internal string Tag => _record.Nonce;

    /// <summary>Throws when another coordinator has taken the run over.</summary>
    /// <exception cref="RnnLmException">Exit code 4: the lease is lost. Exit code 6: the file cannot be
    /// read.</exception>
    public void Verify()
    {
        string path = Path.Combine(_run, FileName);
        LeaseRecord? now = StorageFailure.Guard("read", path, () => LeaseRecord.Read(_operations, path));
        if (now != _record)
        {
            const string Stops = "stops without writing";
            throw new RnnLmException(ExitCode.Cluster, $"run '{_run}' " + (now is null
                ? $"has lost its lease (the file was removed), so this coordinator {Stops}; " +
                    "start it again with --resume"
                : $"was taken over by {now}, so this coordinator (incarnation {Incarnation}) {Stops}; " +
                    "let the other one go on"));
        }
    }

    /// <summary>Gives the run back. The file <c>lease</c> stays: the next incarnation counts on from it.</summary>
    public void Dispose() => _lock.Dispose();

    /// <summary>Takes the run in directory <paramref name="run"/>.</summary>
    /// <exception cref="RnnLmException">Exit code 4: another coordinator holds it. Exit code 6: the directory cannot be
    /// written.</exception>
    internal static Lease Take(FileOperations operations, string run, LeaseHolder holder)
    {
        string path = Path.Combine(run, FileName);
        return StorageFailure.Guard("write", path, () =>
        {
            IDisposable heldLock = Lock(operations, run, path);
            try
            {
                long incarnation = (LeaseRecord.Read(operations, path)?.Incarnation ?? 0) + 1;
                var record = new LeaseRecord(incarnation, holder.ProcessId, holder.Host, holder.Nonce);
                AtomicFile.Write(operations, path, holder.Nonce, () => { }, file => file.Write(record.ToBytes()));
                var lease = new Lease(operations, run, record, heldLock);

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

    private static IDisposable Lock(FileOperations operations, string run, string path)
    {
        if (operations.TryLock(Path.Combine(run, LockName)) is { } heldLock)
        {
            return heldLock;
        }

        string holder = LeaseRecord.Read(operations, path)?.ToString() ?? "another process";
        throw new RnnLmException(
            ExitCode.Cluster,
            $"run '{run}' is in use by {holder}; wait until it ends, stop it, or choose another --run");
    }
}

/// <summary>Who holds a run.</summary>
/// <param name="ProcessId">Operating-system process id.</param>
/// <param name="Host">Machine name.</param>
/// <param name="Nonce">Tells two holders apart that agree in all else, as containers with process id 1 do.</param>
public sealed record LeaseHolder(int ProcessId, string Host, string Nonce)
{
    private const int NonceDigits = 32;

    /// <summary>This process. The nonce is the one value here that must differ in every process and never enters a
    /// result.</summary>
    public static LeaseHolder ThisProcess() => new(
        Environment.ProcessId,
        Environment.MachineName,
        RandomNumberGenerator.GetHexString(NonceDigits, lowercase: true));
}

/// <summary>What the file <c>lease</c> says:
/// <c>{"incarnation":1,"process_id":2,"host":"name","nonce":"hex"}</c>.</summary>
internal sealed record LeaseRecord(long Incarnation, int ProcessId, string Host, string Nonce)
{
    private const int MaximumBytes = 4096;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    public override string ToString() => $"process {ProcessId} on host {Host} (incarnation {Incarnation})";

    /// <summary>Reads the record; null when there is no such file.</summary>
    /// <exception cref="RnnLmException">Exit code 6: the file is damaged.</exception>
    public static LeaseRecord? Read(FileOperations operations, string path)
    {
        try
        {
            using Stream stream = operations.OpenRead(path);
            byte[] bytes = new byte[Math.Min(MaximumBytes, stream.Length)];
            stream.ReadExactly(bytes);
            var record = JsonSerializer.Deserialize<LeaseRecord>(bytes, Json);
            return record is { Incarnation: >= 1 and < long.MaxValue }
                ? record
                : throw new JsonException("out of range");
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException failure)
        {
            throw RnnLmException.Storage(
                $"'{path}' is damaged: it does not hold a lease; make sure that no coordinator uses the run, " +
                "then delete it",
                failure);
        }
    }

    public byte[] ToBytes() => [.. JsonSerializer.SerializeToUtf8Bytes(this, Json), (byte)'\n'];
}
