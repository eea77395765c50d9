using System.Security.Cryptography;
using RnnLm.Data;
using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary>
/// Where the jobs of a cluster lie: a directory that all coordinators reach. <c>runs/NAME</c> is a run directory,
/// <c>tokens/HASH.tokens</c> a token file by the SHA-256 of its content. What is in here is all that a coordinator
/// reads.
/// </summary>
internal sealed class RunStorage
{
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

    private string DrainPath => Path.Combine(_root, "drain");

    /// <summary>Whether no job is to run.</summary>
    public bool IsDrained => File.Exists(DrainPath);

    /// <summary>Has all jobs saved and stopped, and none started; or lets them go on.</summary>
    /// <exception cref="RnnLmException">The storage cannot be written (exit code 6).</exception>
    public void Drain(bool undo)
    {
        try
        {
            if (undo)
            {
                File.Delete(DrainPath);
            }
            else
            {
                File.WriteAllText(DrainPath, string.Empty);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.Storage($"'{DrainPath}' cannot be written: {failure.Message}", failure);
        }
    }

    /// <summary>The run directory of a job.</summary>
    public string PathOf(string job) => Path.Combine(Runs, job);

    /// <summary>Puts a token file into the storage, unless it is there.</summary>
    /// <returns>Its name there: the SHA-256 (hex) of its content.</returns>
    /// <exception cref="RnnLmException">It cannot be written (exit code 6).</exception>
    public string Put(TokenFile tokens)
    {
        try
        {
            using var source = new FileStream(tokens.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            string name = Convert.ToHexStringLower(SHA256.HashData(source));
            string path = TokensOf(name);
            if (!File.Exists(path))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
                using (var target = new FileStream(temporary, FileMode.CreateNew))
                {
                    source.Position = 0;
                    source.CopyTo(target);
                    target.Flush(flushToDisk: true);
                }

                File.Move(temporary, path, overwrite: true);
            }

            return name;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.Storage($"'{_root}' cannot be written: {failure.Message}", failure);
        }
    }

    /// <summary>A job with everything that it reads, all of it from here.</summary>
    /// <exception cref="RnnLmException">Something is missing or damaged.</exception>
    public PreparedJob Prepare(RunDirectory run, RunConfig config)
    {
        var tokenizer = TokenizerDirectory.Load(run.TokenizerDirectory);
        var corpus = new Corpus(config.Job.Corpus.Hash, tokenizer, Open(run, config, RunConfig.TokensKey)!);
        try
        {
            var validation = Open(run, config, RunConfig.ValidationTokensKey) is { } tokens
                ? new Corpus(config.ValidationHash!, tokenizer, tokens)
                : null;
            return JobPreparation.Of(config, corpus, validation);
        }
        catch
        {
            corpus.Dispose();
            throw;
        }
    }

    /// <summary>All jobs.</summary>
    public IReadOnlyList<StoredJob> List() => !Directory.Exists(Runs)
        ? []
        : [.. Directory.GetDirectories(Runs).Order(StringComparer.Ordinal).Select(Job)];

    /// <summary>The job of that name.</summary>
    /// <exception cref="RnnLmException">There is none (exit code 3).</exception>
    public StoredJob Find(string job) => IsJobName(job) && Directory.Exists(PathOf(job))
        ? Job(PathOf(job))
        : throw RnnLmException.BadInput($"there is no job '{job}' in '{_root}'; rnnlm jobs lists them");

    /// <summary>Names of the jobs that ought to run.</summary>
    public IReadOnlyList<string> Unfinished() =>
        [.. List().Where(job => job.Read().State == JobState.Unfinished).Select(job => job.Name)];

    private StoredJob Job(string path) => new(path, IsDrained);

    private string TokensOf(string name) => Path.Combine(_root, "tokens", $"{name}.tokens");

    private TokenFile? Open(RunDirectory run, RunConfig config, string key)
    {
        if (config.Settings.At(key)?.GetValue<string>() is not { } name)
        {
            return key == RunConfig.ValidationTokensKey
                ? null
                : throw RnnLmException.BadInput($"'{run.ConfigPath}' names no token file; submit the job again");
        }

        if (name.Length != 2 * SHA256.HashSizeInBytes || !name.All(char.IsAsciiHexDigitLower))
        {
            throw RnnLmException.BadInput($"'{run.ConfigPath}': {key} is no SHA-256; submit the job again");
        }

        string path = TokensOf(name);
        try
        {
            using var content = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return Convert.ToHexStringLower(SHA256.HashData(content)) == name
                ? TokenFile.Open(path)
                : throw new InvalidDataException("its content is not what was written");
        }
        catch (Exception failure) when (
            failure is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.BadInput(
                $"'{path}' cannot be used ({failure.Message}); submit the job again", failure);
        }
    }
}

/// <summary>How far a job is.</summary>
internal enum JobState
{
    /// <summary>It runs, or will as soon as somebody can run it.</summary>
    Unfinished,

    /// <summary>It stands still with all others of the storage.</summary>
    Drained,

    /// <summary>Its last step is saved.</summary>
    Done,

    /// <summary>It was taken back.</summary>
    Cancelled,

    /// <summary>It cannot go on; its end says why.</summary>
    Failed,
}

/// <summary>What there is to say of a job.</summary>
/// <param name="Job">Its name.</param>
/// <param name="State">How far it is.</param>
/// <param name="Step">The newest version that is saved.</param>
/// <param name="TotalSteps">The last.</param>
/// <param name="JobHash">Of what decides its result.</param>
/// <param name="Holder">Who took its run last; null when nobody did.</param>
/// <param name="Reason">Why it failed; null when it did not.</param>
internal sealed record JobReport(
    string Job, JobState State, long Step, long TotalSteps, string JobHash, string? Holder, string? Reason);

/// <summary>One job in the run storage.</summary>
/// <param name="path">Its run directory.</param>
/// <param name="isDrained">Whether no job of the storage is to run.</param>
internal sealed class StoredJob(string path, bool isDrained)
{
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
    public void Cancel()
    {
        try
        {
            File.WriteAllText(CancelPath, string.Empty);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.Storage($"'{CancelPath}' cannot be written: {failure.Message}", failure);
        }
    }

    /// <summary>Looks how far it is.</summary>
    public JobReport Read()
    {
        try
        {
            var run = RunDirectory.Open(path);
            var config = RunConfig.Read(run);
            long step = run.Checkpoints.Steps() is [.., var newest] ? newest : 0;
            string? end = config.Settings.At($"{RunConfig.EndKey}.reason")?.GetValue<string>();
            var state = step >= config.TotalSteps && end is null ? JobState.Done
                : end is not null ? JobState.Failed
                : IsCancelled ? JobState.Cancelled
                : isDrained ? JobState.Drained
                : JobState.Unfinished;
            return new JobReport(Name, state, step, config.TotalSteps, config.JobHash, run.Holder, end);
        }
        catch (RnnLmException failure)
        {
            return new JobReport(Name, JobState.Failed, 0, 0, string.Empty, null, failure.Message);
        }
    }
}
