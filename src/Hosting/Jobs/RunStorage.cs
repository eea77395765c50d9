using System.Security.Cryptography;
using RnnLm.Data;
using RnnLm.Storage;

namespace RnnLm.Hosting;

/// <summary>
/// Where the jobs of a cluster lie: a directory that all coordinators reach. <c>runs/NAME</c> is a run directory,
/// <c>tokens/HASH.tokens</c> a token file by the SHA-256 of its content. What is in here is all that a coordinator
/// reads.
/// </summary>
internal sealed class RunStorage
{
    private const string SubmitAgain = "restore it from a copy, or submit the job again under another name";

    // Who writes a token file for longer has died.
    private static readonly TimeSpan s_longestPut = TimeSpan.FromDays(1);

    private readonly string _root;

    /// <summary>Opens a storage.</summary>
    /// <exception cref="RnnLmException">It is not there (exit code 3).</exception>
    public RunStorage(string root)
    {
        _root = root;
        if (!Directory.Exists(root))
        {
            throw RnnLmException.BadInput($"there is no directory '{root}'; make it, where all coordinators reach it");
        }
    }

    /// <summary>The option that names it.</summary>
    public static Setting<string> Option() => new(
        "--storage", "DIR", "Run storage of the cluster: a directory that all its coordinators reach", Values.FullPath)
    {
        Required = true,
    };

    /// <summary>The name of a job: also that of a directory and of an actor.</summary>
    /// <exception cref="FormatException">It has other characters.</exception>
    public static string JobName(string text) =>
        IsJobName(text)
            ? text
            : throw new FormatException(
                "it must have 1 to 64 letters, digits, '-', '_' and '.', and begin with a letter or digit");

    private static bool IsJobName(string text) =>
        text.Length is > 0 and <= 64 && char.IsAsciiLetterOrDigit(text[0]) &&
        text.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.');

    private string Runs => Path.Combine(_root, "runs");

    private string TokenFiles => Path.Combine(_root, "tokens");

    private string DrainPath => Path.Combine(_root, "drain");

    /// <summary>Writes a file, and removes it.</summary>
    /// <exception cref="RnnLmException">The storage cannot be written (exit code 6).</exception>
    public void RequireWritable()
    {
        string path = Path.Combine(_root, $".writable-{Guid.NewGuid():N}");
        StorageFailure.Guard("write", path, () =>
        {
            using var _ = new FileStream(
                path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
        });
    }

    /// <summary>Whether no job is to run.</summary>
    public bool IsDrained => File.Exists(DrainPath);

    /// <summary>Has all jobs saved and stopped, and none started; or lets them go on.</summary>
    /// <exception cref="RnnLmException">The storage cannot be written (exit code 6).</exception>
    public void Drain(bool undo) => StorageFailure.Guard("write", DrainPath, () =>
    {
        if (undo)
        {
            File.Delete(DrainPath);
        }
        else
        {
            File.WriteAllText(DrainPath, string.Empty);
        }
    });

    /// <summary>The run directory of a job.</summary>
    public string PathOf(string job) => Path.Combine(Runs, job);

    /// <summary>Puts a token file into the storage, unless it is there, and removes what others left of theirs.
    /// </summary>
    /// <returns>Its name there: the SHA-256 (hex) of its content.</returns>
    /// <exception cref="RnnLmException">It cannot be written (exit code 6).</exception>
    public string Put(TokenFile tokens, TimeProvider time) => StorageFailure.Guard("write", TokenFiles, () =>
    {
        Directory.CreateDirectory(TokenFiles);
        var longAgo = time.GetUtcNow().UtcDateTime - s_longestPut;
        foreach (string left in Directory.GetFiles(TokenFiles, "*.tmp")
            .Where(file => File.GetLastWriteTimeUtc(file) < longAgo))
        {
            File.Delete(left);
        }

        using var source = new FileStream(tokens.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        string name = Convert.ToHexStringLower(SHA256.HashData(source));
        string path = TokensOf(name);
        if (File.Exists(path))
        {
            return name;
        }

        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var target = new FileStream(temporary, FileMode.CreateNew))
            {
                source.Position = 0;
                source.CopyTo(target);
                target.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
            return name;
        }
        finally
        {
            File.Delete(temporary);
        }
    });

    /// <summary>A job with everything that it reads, all of it from here.</summary>
    /// <exception cref="RnnLmException">Something is missing or damaged (exit code 3), or cannot be read (6).
    /// </exception>
    public PreparedJob Prepare(RunDirectory run, RunConfig config)
    {
        string name = config.Tokens
            ?? throw RnnLmException.BadInput($"'{run.ConfigPath}' names no token file; {SubmitAgain}");
        var tokenizer = TokenizerDirectory.Load(run.TokenizerDirectory);
        var corpus = new Corpus(config.Job.Corpus.Hash, tokenizer, Open(name));
        try
        {
            var validation = config.ValidationTokens is { } tokens
                ? new Corpus(config.ValidationHash!, tokenizer, Open(tokens))
                : null;
            return JobPreparation.Of(config, corpus, validation);
        }
        catch
        {
            corpus.Dispose();
            throw;
        }
    }

    /// <summary>All jobs. What has no job's name is somebody else's, like lost+found.</summary>
    /// <exception cref="RnnLmException">They cannot be listed (exit code 6).</exception>
    public IReadOnlyList<StoredJob> List() => StorageFailure.Guard<IReadOnlyList<StoredJob>>("read", Runs, () =>
    {
        try
        {
            return
            [
                .. Directory.GetDirectories(Runs).Where(path => IsJobName(Path.GetFileName(path)))
                    .Order(StringComparer.Ordinal).Select(Job),
            ];
        }
        catch (DirectoryNotFoundException) when (!Path.Exists(Runs))
        {
            // Nothing was submitted yet.
            return [];
        }
    });

    /// <summary>Whether there is a job of that name.</summary>
    /// <exception cref="RnnLmException">That cannot be read (exit code 6).</exception>
    public bool Has(string job) => RunDirectory.IsBegun(PathOf(job));

    /// <summary>The job of that name.</summary>
    /// <exception cref="RnnLmException">There is none, or it is not there wholly (exit code 3).</exception>
    public StoredJob Find(string job) => !IsJobName(job) || !Directory.Exists(PathOf(job))
        ? throw RnnLmException.BadInput($"there is no job '{job}' in '{_root}'; rnnlm jobs lists them")
        : Has(job) ? Job(PathOf(job))
        : throw RnnLmException.BadInput($"job '{job}' in '{_root}': {StoredJob.Incomplete}");

    private StoredJob Job(string path) => new(path, IsDrained);

    private string TokensOf(string name) => Path.Combine(TokenFiles, $"{name}.tokens");

    private TokenFile Open(string name)
    {
        string path = TokensOf(name);
        return StorageFailure.Guard("read", path, () =>
        {
            try
            {
                using var content = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
                return Convert.ToHexStringLower(SHA256.HashData(content)) == name
                    ? TokenFile.Open(path)
                    : throw new InvalidDataException("its content is not what was written");
            }
            catch (Exception failure) when (
                failure is InvalidDataException or FileNotFoundException or DirectoryNotFoundException)
            {
                throw RnnLmException.BadInput($"'{path}' cannot be used ({failure.Message}); {SubmitAgain}", failure);
            }
        });
    }
}

/// <summary>How far a job is.</summary>
internal enum JobState
{
    /// <summary>It runs, or will as soon as somebody can run it.</summary>
    Unfinished,

    /// <summary>It stands still with all others of the storage.</summary>
    Drained,

    /// <summary>Its last step is saved, and whoever ran it has recorded that it is done: one that was stopped right
    /// then is still to be evaluated.</summary>
    Done,

    /// <summary>It was taken back.</summary>
    Cancelled,

    /// <summary>It cannot go on; its end says why.</summary>
    Failed,

    /// <summary>It is being submitted, or that broke off.</summary>
    Incomplete,

    /// <summary>It cannot be read now; what it is will be seen when it can.</summary>
    Unreadable,
}

/// <summary>What there is to say of a job.</summary>
/// <param name="Job">Its name.</param>
/// <param name="State">How far it is.</param>
/// <param name="Step">The newest version that is saved.</param>
/// <param name="TotalSteps">The last.</param>
/// <param name="JobHash">Of what decides its result.</param>
/// <param name="Holder">Who took its run last; null when nobody did.</param>
/// <param name="Reason">Why it failed, is incomplete or unreadable, and the cure; null otherwise.</param>
internal sealed record JobReport(
    string Job, JobState State, long Step, long TotalSteps, string JobHash, string? Holder, string? Reason);

/// <summary>One job in the run storage.</summary>
/// <param name="path">Its run directory.</param>
/// <param name="isDrained">Whether no job of the storage is to run.</param>
internal sealed class StoredJob(string path, bool isDrained)
{
    /// <summary>What there is to say of one without a configuration, which is written last.</summary>
    public const string Incomplete = "its submission has not ended; if it broke off, submit it again";

    private const string CancelName = "cancel";

    /// <summary>Its name.</summary>
    public string Name { get; } = Path.GetFileName(path);

    /// <summary>Its run directory.</summary>
    public string RunPath => path;

    /// <summary>Whether it was taken back.</summary>
    public bool IsCancelled => File.Exists(CancelPath);

    private string CancelPath => Path.Combine(path, CancelName);

    /// <summary>Takes it back: whoever runs it saves and stops.</summary>
    /// <exception cref="RnnLmException">The storage cannot be written (exit code 6).</exception>
    public void Cancel() =>
        StorageFailure.Guard("write", CancelPath, () => File.WriteAllText(CancelPath, string.Empty));

    /// <summary>Lets it go on if it was taken back or has failed.</summary>
    /// <exception cref="RnnLmException">The storage cannot be written (exit code 6), somebody has the run (4), or its
    /// configuration cannot be used (3).</exception>
    public void Resume()
    {
        StorageFailure.Guard("remove", CancelPath, () => File.Delete(CancelPath));
        var run = RunDirectory.Open(path);
        var config = RunConfig.Read(run);
        if (config.End is null || IsDone(config, NewestStep(run)))
        {
            return;
        }

        using var lease = run.TakeLease(LeaseHolder.ThisProcess());
        var json = run.ReadConfig();
        json.Remove(RunConfig.EndKey);
        run.WriteConfig(lease, json);
    }

    /// <summary>Looks how far it is.</summary>
    public JobReport Read()
    {
        try
        {
            if (!RunDirectory.IsBegun(path))
            {
                return Unknown(JobState.Incomplete, Incomplete);
            }

            var run = RunDirectory.Open(path);
            var config = RunConfig.Read(run);
            long step = NewestStep(run);
            var failure = config.End is { ExitCode: (int)ExitCode.Done } ? null : config.End;
            var state = failure is not null ? JobState.Failed
                : IsDone(config, step) ? JobState.Done
                : IsCancelled ? JobState.Cancelled
                : isDrained ? JobState.Drained
                : JobState.Unfinished;
            string? reason = failure is not null
                ? $"{failure.Reason}; when the cause is mended, rnnlm resume {Name} lets it go on"
                : null;
            return new JobReport(Name, state, step, config.TotalSteps, config.JobHash, run.Holder, reason);
        }
        catch (RnnLmException cause)
        {
            return Unknown(
                cause.ExitCode == ExitCode.Storage ? JobState.Unreadable : JobState.Failed, cause.Message);
        }
    }

    private static long NewestStep(RunDirectory run) => run.Checkpoints.Steps() is [.., var newest] ? newest : 0;

    private static bool IsDone(RunConfig config, long newestStep) =>
        config.End is { ExitCode: (int)ExitCode.Done, Step: var last } && newestStep >= last;

    private JobReport Unknown(JobState state, string reason) => new(Name, state, 0, 0, string.Empty, null, reason);
}
