using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RnnLm.Storage;

/// <summary>
/// The directory with everything that one job wrote. Readers open it as it is; who writes takes its lease first and
/// hands it to each writer:
/// <c>config.N.json</c>, <c>metrics.N.jsonl</c> and <c>ledger.N.json</c> of incarnation N with links to them,
/// <c>tokenizer/</c>, <c>checkpoints/</c>, <c>final</c>, <c>best</c>, <c>lease.N</c>.
/// </summary>
public sealed class RunDirectory
{
    private const int MaximumConfigBytes = 16 << 20;

    // What a writer that died before it wrote its configuration can have left, beside leases: a submission writes
    // version 0 first.
    private static readonly string[] BeforeConfig = ["lease.lock", "tokenizer", "checkpoints", "final", "ledger.json"];

    private static readonly JsonSerializerOptions ConfigFormat = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        // Paths and prompts stay readable; the file is not embedded in HTML.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly FileOperations _operations;
    private readonly IncarnationFile _config;
    private readonly IncarnationFile _metrics;
    private readonly IncarnationFile _ledger;

    private RunDirectory(FileOperations operations, string root)
    {
        _operations = operations;
        Root = root;
        _config = new IncarnationFile(operations, root, "config", ".json");
        _metrics = new IncarnationFile(operations, root, "metrics", ".jsonl");
        _ledger = new IncarnationFile(operations, root, "ledger", ".json");
        Checkpoints = new CheckpointCatalog(operations, CheckpointsDirectory);
    }

    /// <summary>Absolute path of the run.</summary>
    public string Root { get; }

    /// <summary>Where the tokenizer is.</summary>
    public string TokenizerDirectory => Path.Combine(Root, "tokenizer");

    /// <summary>Whether the run has a configuration; a new one has none yet.</summary>
    /// <exception cref="RnnLmException">Exit code 6: the directory cannot be read.</exception>
    public bool HasConfig => StorageFailure.Guard(
        "read", Root, () => _config.Newest() is not null || _operations.FileExists(_config.PlainPath));

    /// <summary>The configuration in force: <c>config.N.json</c>, or <c>config.json</c> while there is none.</summary>
    /// <exception cref="RnnLmException">Exit code 6: the directory cannot be read.</exception>
    public string ConfigPath => StorageFailure.Guard("read", Root, () => _config.PathInForce);

    /// <summary>The checkpoints, to read.</summary>
    public CheckpointCatalog Checkpoints { get; }

    /// <summary>Who took the run last, for people to read; null when nobody did.</summary>
    /// <exception cref="RnnLmException">Exit code 6: the directory cannot be read.</exception>
    public string? Holder => StorageFailure.Guard("read", Root, () => Lease.LastHolder(_operations, Root));

    private string CheckpointsDirectory => Path.Combine(Root, "checkpoints");

    /// <summary>Opens a run to train in, making the directory when it is missing.</summary>
    /// <exception cref="RnnLmException">Exit code 3: the path is a file, or a directory with other things in it. Exit
    /// code 6: it cannot be made.</exception>
    public static RunDirectory CreateOrOpen(string path) => CreateOrOpen(FileOperations.Default, path);

    /// <summary>Opens a run that exists, to read or to resume.</summary>
    /// <exception cref="RnnLmException">Exit code 3: there is no run at the path.</exception>
    public static RunDirectory Open(string path) => Open(FileOperations.Default, path);

    /// <summary>Whether there is a run that was begun: what has no configuration was not.</summary>
    /// <exception cref="RnnLmException">Exit code 6: the directory cannot be read.</exception>
    public static bool IsBegun(string path) =>
        Directory.Exists(path) && new RunDirectory(FileOperations.Default, path).HasConfig;

    /// <summary>Takes the run for writing and removes temporary files of writers that died.</summary>
    /// <exception cref="RnnLmException">Exit code 4: another coordinator holds it. Exit code 6: the directory cannot be
    /// written.</exception>
    public Lease TakeLease(LeaseHolder holder)
    {
        Lease lease = Lease.Take(_operations, Root, holder, _config, _metrics, _ledger);
        try
        {
            lease.Guard(
                "write", Root, () => TemporaryName.RemoveLower(_operations, Root, lease.Incarnation));
            return lease;
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>Writes the holder's configuration atomically, and removes those of the holders before.</summary>
    /// <exception cref="RnnLmException">Exit code 6: it could not be written. Exit code 4: the lease is
    /// lost.</exception>
    public void WriteConfig(Lease lease, JsonObject config)
    {
        ArgumentNullException.ThrowIfNull(lease);
        ArgumentNullException.ThrowIfNull(config);
        byte[] bytes = [.. JsonSerializer.SerializeToUtf8Bytes<JsonNode>(config, ConfigFormat), (byte)'\n'];
        string path = _config.PathOf(lease.Incarnation);
        lease.Guard("write", path, () =>
        {
            AtomicFile.Write(_operations, path, lease.Tag, lease.Verify, file => file.Write(bytes));
            _config.PointLink(lease);
            _config.RemoveLower(lease);
        });
    }

    /// <summary>Writes the tokenizer's files, all or none.</summary>
    /// <param name="lease">Of this process.</param>
    /// <param name="files">By name.</param>
    /// <param name="replaces">Whether another one that is there makes room; else it must be the same.</param>
    /// <exception cref="RnnLmException">Exit code 3: there is another tokenizer. Exit code 6: it could not be written.
    /// Exit code 4: the lease is lost.</exception>
    public void WriteTokenizer(
        Lease lease, IEnumerable<(string Name, byte[] Content)> files, bool replaces = false)
    {
        ArgumentNullException.ThrowIfNull(lease);
        string temporary = TemporaryName.For(TokenizerDirectory, lease.Tag);
        lease.Guard("write", TokenizerDirectory, () =>
        {
            try
            {
                lease.Verify();
                _operations.CreateDirectory(temporary);
                foreach ((string name, byte[] content) in files)
                {
                    using var file = new DurableFile(_operations, Path.Combine(temporary, name));
                    file.Write(content);
                    file.Finish();
                }

                _operations.FlushDirectory(temporary);
                PlaceTokenizer(lease, temporary, replaces);
            }
            catch
            {
                AtomicFile.TryRemove(_operations, temporary);
                throw;
            }
        });
    }

    /// <summary>Reads the configuration in force.</summary>
    /// <exception cref="RnnLmException">Exit code 3: it is missing or not a JSON object. Exit code 6: it cannot be
    /// read.</exception>
    public JsonObject ReadConfig() => StorageFailure.Guard("read", _config.PlainPath, () =>
    {
        using Stream file = _config.OpenRead() ?? OpenPlainConfig();
        if (file.Length > MaximumConfigBytes)
        {
            throw UnusableConfig($"is larger than {MaximumConfigBytes} bytes");
        }

        try
        {
            // A key that stands twice comes to light only when the object is first used.
            var options = new JsonDocumentOptions { AllowDuplicateProperties = false };
            JsonNode? config = JsonNode.Parse(file, documentOptions: options);
            return config as JsonObject ?? throw new JsonException("it is not a JSON object");
        }
        catch (JsonException failure)
        {
            throw UnusableConfig($"cannot be parsed ({failure.Message.TrimEnd('.')})", failure);
        }
    });

    /// <summary>Opens the metrics to go on from version <paramref name="steps"/>, without the lines of steps that will
    /// be done again.</summary>
    /// <exception cref="RnnLmException">Exit code 6: they cannot be read or written. Exit code 4: the lease is
    /// lost.</exception>
    public MetricsLog OpenMetrics(Lease lease, long steps) =>
        MetricsLog.Open(_operations, _metrics, _metrics, lease, steps);

    /// <summary>Opens the ledger cut back to the checkpoint that training goes on from; 0 and
    /// <see cref="LedgerChain.Empty"/> for a new run.</summary>
    /// <exception cref="RnnLmException">Exit code 6: it does not hold the checkpoint's steps, or cannot be written.
    /// Exit code 4: the lease is lost.</exception>
    public LedgerWriter OpenLedger(Lease lease, long steps, LedgerChain chain) =>
        LedgerWriter.Open(_operations, _ledger, _ledger, lease, steps, chain);

    /// <summary>The lines of the metrics in force, as far as they are written whole.</summary>
    /// <exception cref="RnnLmException">Exit code 6: they cannot be read.</exception>
    public IReadOnlyList<string> ReadMetrics() => FollowMetrics().ReadNew();

    /// <summary>Reads the metrics while they grow.</summary>
    public MetricsReader FollowMetrics() => new(_metrics);

    /// <summary>Reads the ledger in force.</summary>
    /// <exception cref="RnnLmException">Exit code 6: it cannot be read or is not a ledger.</exception>
    public LedgerContent ReadLedger()
    {
        // What its writer is in the middle of is whole at a second look.
        var content = LedgerContent.Read(_ledger);
        return content.Damage is null ? content : LedgerContent.Read(_ledger);
    }

    /// <summary>Opens the checkpoints for writing: takes over those of the holders before and removes what they left
    /// unfinished.</summary>
    /// <param name="lease">Of this process.</param>
    /// <param name="validationText">Losses on another text make none the best; null to take every loss.</param>
    /// <exception cref="RnnLmException">Exit code 6: the directory cannot be written. Exit code 4: the lease is
    /// lost.</exception>
    public CheckpointStore OpenCheckpoints(Lease lease, string? validationText = null) => new CheckpointStore(
        _operations, Root, CheckpointsDirectory, [_config, _metrics, _ledger], lease, validationText).Open();

    /// <summary>Begins a copy of the run, as who takes a run over begins: with its configuration, and with its metrics
    /// and ledger as far as a checkpoint goes. The run may be trained meanwhile.</summary>
    /// <param name="target">Where the copy is; the directory is there, with the checkpoint.</param>
    /// <param name="holder">Who copies.</param>
    /// <param name="checkpoint">The checkpoint's state.</param>
    /// <exception cref="RnnLmException">Exit code 3: there is no configuration. Exit code 6: something cannot be read
    /// or written, or does not hold the checkpoint's steps.</exception>
    public void CopyTo(string target, LeaseHolder holder, CheckpointState checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        var copy = new RunDirectory(_operations, target);
        using Lease lease = Lease.Take(_operations, target, holder, _config, _metrics, _ledger);
        copy.WriteConfig(lease, ReadConfig());
        MetricsLog.Open(_operations, _metrics, copy._metrics, lease, checkpoint.Step).Dispose();
        LedgerWriter.Open(_operations, _ledger, copy._ledger, lease, checkpoint.Step, checkpoint.Ledger).Dispose();
    }

    internal static RunDirectory CreateOrOpen(FileOperations operations, string path)
    {
        string root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        RefuseFile(operations, root);
        var run = new RunDirectory(operations, root);
        StorageFailure.Guard("create", root, () =>
        {
            if (operations.DirectoryExists(root))
            {
                if (run.HasConfig)
                {
                    return;
                }

                // What is foreign before a second look may be of one that has begun the run since the first.
                if (run.Foreign() is { } foreign && !run.HasConfig)
                {
                    throw RnnLmException.BadInput(
                        $"'{root}' is not a run: it has no config.json but holds '{foreign}'; " +
                        "choose a new or empty directory");
                }
            }
            else
            {
                operations.CreateDirectory(root);
            }

            // Also when another made it, who may have been killed before it was on the disk.
            operations.FlushDirectory(Path.GetDirectoryName(root)!);
        });
        return run;
    }

    /// <inheritdoc cref="Open(string)"/>
    internal static RunDirectory Open(FileOperations operations, string path)
    {
        string root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        RefuseFile(operations, root);
        if (!operations.DirectoryExists(root))
        {
            throw RnnLmException.BadInput($"there is no run '{root}'; check the path");
        }

        var run = new RunDirectory(operations, root);
        return run.HasConfig
            ? run
            : throw RnnLmException.BadInput($"'{root}' is not a run: it has no config.json; check the path");
    }

    private static void RefuseFile(FileOperations operations, string root)
    {
        if (operations.FileExists(root))
        {
            throw RnnLmException.BadInput($"'{root}' is a file, not a run directory; choose another path");
        }
    }

    /// <summary>The first name in a directory without a configuration that is not of one's beginning; null when there
    /// is none. What was trained is not begun anew.</summary>
    private string? Foreign()
    {
        var lease = Lease.FileIn(_operations, Root);
        bool isTrained = Checkpoints.Steps().Any(step => step > 0);
        return _operations.Entries(Root)
            .Where(entry => !TemporaryName.IsTemporary(entry))
            .Select(entry => Path.GetFileName(entry))
            .Where(name => isTrained || !(BeforeConfig.Contains(name) || lease.IsOne(name) || _ledger.IsOne(name)))
            .Order(StringComparer.Ordinal)
            .FirstOrDefault();
    }

    private void PlaceTokenizer(Lease lease, string temporary, bool replaces)
    {
        lease.Verify();
        try
        {
            _operations.Rename(temporary, TokenizerDirectory);
        }
        catch (IOException) when (HasTokenizer())
        {
            // The file system refuses to rename over a directory that holds something.
            string former = temporary;
            if (!IsSame(temporary, TokenizerDirectory))
            {
                former = replaces ? TemporaryName.For($"{TokenizerDirectory}.former", lease.Tag)
                    : throw RnnLmException.BadInput(
                        $"'{TokenizerDirectory}' is of another job, of which nothing else was begun; remove it, or " +
                        "choose another --run");
                lease.Verify();
                _operations.Rename(TokenizerDirectory, former);
                _operations.Rename(temporary, TokenizerDirectory);
            }

            TemporaryName.Remove(_operations, former);
        }

        _operations.FlushDirectory(Root);
    }

    private bool HasTokenizer() =>
        _operations.DirectoryExists(TokenizerDirectory) && _operations.Entries(TokenizerDirectory).Count > 0;

    private bool IsSame(string left, string right) => Contents(left).SequenceEqual(Contents(right));

    private IEnumerable<(string Name, string Hash)> Contents(string directory)
    {
        foreach (string path in _operations.Entries(directory).Order(StringComparer.Ordinal))
        {
            using Stream file = _operations.OpenRead(path);
            yield return (Path.GetFileName(path), Convert.ToHexStringLower(SHA256.HashData(file)));
        }
    }

    /// <summary>Of a run of an older version, or of a person that put it there.</summary>
    private Stream OpenPlainConfig() => _operations.FileExists(_config.PlainPath)
        ? _operations.OpenRead(_config.PlainPath)
        : throw UnusableConfig("is missing");

    private RnnLmException UnusableConfig(string what, Exception? inner = null) => RnnLmException.BadInput(
        $"'{ConfigPath}' {what}; restore it from a copy or start another run", inner);
}
