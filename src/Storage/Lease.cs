using System.Globalization;
using System.Text.Json;

namespace RnnLm.Storage;

/// <summary>
/// The right to write a run. An exclusive lock of the operating system on <c>lease.lock</c>, which the kernel gives
/// back when the process ends in whatever way, refuses a second coordinator at once. Where such locks do not reach
/// (file systems shared between machines), the last to take the run has it: each taking creates <c>lease.N</c> with
/// the next incarnation N, which no other gets, and <see cref="Verify"/> before each write, rename or removal stops an
/// older one. An older one that was stopped behind that check does what it was about to do when it goes on, and no
/// more; it does that to names of its own incarnation, which nobody reads any more. Safe to use from several threads.
/// </summary>
public sealed class Lease : IDisposable
{
    private const string LockName = "lease.lock";

    private readonly FileOperations _operations;
    private readonly string _run;
    private readonly IncarnationFile _file;
    private readonly IDisposable _lock;

    private Lease(FileOperations operations, string run, long incarnation, IDisposable heldLock)
    {
        _operations = operations;
        _run = run;
        _file = FileIn(operations, run);
        Incarnation = incarnation;
        _lock = heldLock;
    }

    /// <summary>How often the run has been taken, this time included; from 1.</summary>
    public long Incarnation { get; }

    /// <summary>The incarnation in the names of what is under construction.</summary>
    internal string Tag => Incarnation.ToString(CultureInfo.InvariantCulture);

    /// <summary>Throws when another coordinator has taken the run over.</summary>
    /// <exception cref="RnnLmException">Exit code 4: the lease is lost. Exit code 6: the run cannot be read.
    /// </exception>
    public void Verify()
    {
        var (newest, holder) = StorageFailure.Guard("read", _run, () =>
        {
            long? found = _file.Newest();
            return (found, found == Incarnation ? null : Holder(_operations, _file));
        });
        if (newest != Incarnation)
        {
            const string Stops = "stops without writing";
            throw new RnnLmException(ExitCode.Cluster, $"run '{_run}' " + (newest > Incarnation
                ? $"was taken over by {holder}, so this coordinator (incarnation {Incarnation}) " +
                    $"{Stops}; let the other one go on"
                : $"has lost its lease (the file was removed), so this coordinator {Stops}; " +
                    "what was saved before can be gone on with"));
        }
    }

    /// <summary>Runs an action of the holder. When it fails and the run is lost, that is the reason: the one that took
    /// it over has removed or renamed what was used.</summary>
    /// <exception cref="RnnLmException">Of the action. Exit code 4: the lease is lost.</exception>
    public T Guard<T>(Func<T> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        try
        {
            return action();
        }
        catch (RnnLmException)
        {
            Verify();
            throw;
        }
    }

    /// <summary>Gives the run back. The file <c>lease.N</c> stays: the next incarnation counts on from it.</summary>
    public void Dispose() => _lock.Dispose();

    /// <summary>Takes the run in directory <paramref name="run"/>.</summary>
    /// <param name="operations">The file system.</param>
    /// <param name="run">The run.</param>
    /// <param name="holder">Who takes it.</param>
    /// <param name="others">Files that carry incarnations too: a lease that someone removed is counted on from
    /// them.</param>
    /// <exception cref="RnnLmException">Exit code 4: another coordinator holds it. Exit code 6: the directory cannot be
    /// written.</exception>
    internal static Lease Take(
        FileOperations operations, string run, LeaseHolder holder, params IReadOnlyList<IncarnationFile> others)
    {
        var file = FileIn(operations, run);
        return StorageFailure.Guard("write", file.PlainPath, () =>
        {
            IDisposable heldLock = Lock(operations, run, file);
            try
            {
                var lease = new Lease(operations, run, Claim(operations, run, file, holder, others), heldLock);
                file.RemoveLower(lease);
                return lease;
            }
            catch
            {
                heldLock.Dispose();
                throw;
            }
        });
    }

    /// <summary>Who took a run last; null when nobody did.</summary>
    internal static string? LastHolder(FileOperations operations, string run) =>
        FileIn(operations, run) is var file && file.Newest() is not null ? Holder(operations, file) : null;

    internal static IncarnationFile FileIn(FileOperations operations, string run) => new(operations, run, "lease");

    /// <summary><see cref="Guard{T}(Func{T})"/> around <see cref="StorageFailure.Guard{T}"/>.</summary>
    internal T Guard<T>(string doing, string path, Func<T> action) =>
        Guard(() => StorageFailure.Guard(doing, path, action));

    /// <inheritdoc cref="Guard{T}(string, string, Func{T})"/>
    internal void Guard(string doing, string path, Action action) => Guard(doing, path, () =>
    {
        action();
        return true;
    });

    /// <summary>Creates the lease of the next incarnation, which is returned.</summary>
    private static long Claim(
        FileOperations operations,
        string run,
        IncarnationFile file,
        LeaseHolder holder,
        IReadOnlyList<IncarnationFile> others)
    {
        while (true)
        {
            long incarnation = 1 + others.Append(file).Max(other => other.Newest() ?? 0);
            using IFile? created = operations.TryCreateNew(file.PathOf(incarnation));
            if (created is null)
            {
                continue;
            }

            created.Write(new LeaseRecord(incarnation, holder.ProcessId, holder.Host).ToBytes(), 0);
            created.Flush();
            operations.FlushDirectory(run);

            // One that was stopped before it created the file may get a number that was used and removed meanwhile.
            if (file.Newest() == incarnation)
            {
                return incarnation;
            }
        }
    }

    private static IDisposable Lock(FileOperations operations, string run, IncarnationFile file) =>
        operations.TryLock(Path.Combine(run, LockName)) ?? throw new RnnLmException(
            ExitCode.Cluster,
            $"run '{run}' is in use by {Holder(operations, file)}; wait until it ends, or stop it");

    private static string Holder(FileOperations operations, IncarnationFile file) => file.Newest() is { } incarnation
        ? LeaseRecord.Read(operations, file.PathOf(incarnation))?.ToString()
            ?? $"another process (incarnation {incarnation})"
        : "another process";
}

/// <summary>Who holds a run.</summary>
/// <param name="ProcessId">Operating-system process id.</param>
/// <param name="Host">Machine name.</param>
public sealed record LeaseHolder(int ProcessId, string Host)
{
    /// <summary>This process.</summary>
    public static LeaseHolder ThisProcess() => new(Environment.ProcessId, Environment.MachineName);
}

/// <summary>What the file <c>lease.N</c> says, for people: <c>{"incarnation":1,"process_id":2,"host":"name"}</c>. What
/// counts is its name.</summary>
internal sealed record LeaseRecord(long Incarnation, int ProcessId, string Host)
{
    private const int MaximumBytes = 4096;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    public override string ToString() => $"process {ProcessId} on host {Host} (incarnation {Incarnation})";

    /// <summary>Reads the record; null when it is missing, or not or not wholly written.</summary>
    public static LeaseRecord? Read(FileOperations operations, string path)
    {
        try
        {
            using Stream stream = operations.OpenRead(path);
            byte[] bytes = new byte[Math.Min(MaximumBytes, stream.Length)];
            stream.ReadExactly(bytes);
            return JsonSerializer.Deserialize<LeaseRecord>(bytes, Json);
        }
        catch (Exception failure) when (failure is JsonException || StorageFailure.IsOne(failure))
        {
            return null;
        }
    }

    public byte[] ToBytes() => [.. JsonSerializer.SerializeToUtf8Bytes(this, Json), (byte)'\n'];
}
