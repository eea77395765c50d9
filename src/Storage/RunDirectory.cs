using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RnnLm.Storage;

/// <summary>
/// The directory with everything that one job wrote. Readers open it as it is; who writes takes its lease first and
/// hands it to each writer:
/// <c>config.json</c>, <c>metrics.jsonl</c>, <c>tokenizer/</c>, <c>checkpoints/</c>, <c>final</c>, <c>best</c>,
/// <c>ledger.json</c>, <c>lease</c>.
/// </summary>
public sealed class RunDirectory
{
    private const int MaximumConfigBytes = 16 << 20;

    // What a writer that died before it wrote config.json can have left.
    private static readonly string[] BeforeConfig = ["lease", "lease.lock", "tokenizer"];

    private static readonly JsonSerializerOptions ConfigFormat = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        // Paths and prompts stay readable; the file is not embedded in HTML.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly FileOperations _operations;

    private RunDirectory(FileOperations operations, string root)
    {
        _operations = operations;
        Root = root;
        Checkpoints = new CheckpointCatalog(operations, CheckpointsDirectory);
    }

    /// <summary>Absolute path of the run.</summary>
    public string Root { get; }

    /// <summary>Where the tokenizer is.</summary>
    public string TokenizerDirectory => Path.Combine(Root, "tokenizer");

    /// <summary>Whether the run has a configuration; a new one has none yet.</summary>
    public bool HasConfig => _operations.FileExists(ConfigPath);

    /// <summary>The checkpoints, to read.</summary>
    public CheckpointCatalog Checkpoints { get; }

    private string ConfigPath => Path.Combine(Root, "config.json");

    private string MetricsPath => Path.Combine(Root, "metrics.jsonl");

    private string LedgerPath => Path.Combine(Root, "ledger.json");

    private string CheckpointsDirectory => Path.Combine(Root, "checkpoints");

    /// <summary>Opens a run to train in, making the directory when it is missing.</summary>
    /// <exception cref="RnnLmException">Exit code 3: the path is a file, or a directory with other things in it. Exit
    /// code 6: it cannot be made.</exception>
    public static RunDirectory CreateOrOpen(string path) => CreateOrOpen(FileOperations.Default, path);

    /// <summary>Opens a run that exists, to read or to resume.</summary>
    /// <exception cref="RnnLmException">Exit code 3: there is no run at the path.</exception>
    public static RunDirectory Open(string path) => Open(FileOperations.Default, path);

    /// <summary>Takes the run for writing and removes temporary files of writers that died.</summary>
    /// <exception cref="RnnLmException">Exit code 4: another coordinator holds it. Exit code 6: the directory cannot be
    /// written.</exception>
    public Lease TakeLease(LeaseHolder holder)
    {
        Lease lease = Lease.Take(_operations, Root, holder);
        try
        {
            StorageFailure.Guard("write", Root, () =>
            {
                TemporaryName.RemoveAll(_operations, Root);
                _operations.CreateDirectory(TokenizerDirectory);
                TemporaryName.RemoveAll(_operations, TokenizerDirectory);
            });
            return lease;
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>Writes config.json atomically.</summary>
    /// <exception cref="RnnLmException">Exit code 6: it could not be written. Exit code 4: the lease is
    /// lost.</exception>
    public void WriteConfig(Lease lease, JsonObject config)
    {
        ArgumentNullException.ThrowIfNull(lease);
        ArgumentNullException.ThrowIfNull(config);
        byte[] bytes = [.. JsonSerializer.SerializeToUtf8Bytes<JsonNode>(config, ConfigFormat), (byte)'\n'];
        StorageFailure.Guard("write", ConfigPath, () =>
            AtomicFile.Write(_operations, ConfigPath, lease.Tag, lease.Verify, file => file.Write(bytes)));
    }

    /// <summary>Writes the tokenizer's files in their order, each whole or not at all.</summary>
    /// <exception cref="RnnLmException">Exit code 6: one could not be written. Exit code 4: the lease is
    /// lost.</exception>
    public void WriteTokenizer(Lease lease, IEnumerable<(string Name, byte[] Content)> files)
    {
        ArgumentNullException.ThrowIfNull(lease);
        StorageFailure.Guard("write", TokenizerDirectory, () =>
        {
            foreach ((string name, byte[] content) in files)
            {
                string path = Path.Combine(TokenizerDirectory, name);
                AtomicFile.Write(_operations, path, lease.Tag, lease.Verify, file => file.Write(content));
            }
        });
    }

    /// <summary>Reads config.json.</summary>
    /// <exception cref="RnnLmException">Exit code 3: it is missing or not a JSON object. Exit code 6: it cannot be
    /// read.</exception>
    public JsonObject ReadConfig() => StorageFailure.Guard("read", ConfigPath, () =>
    {
        if (!HasConfig)
        {
            throw UnusableConfig("is missing");
        }

        using Stream file = _operations.OpenRead(ConfigPath);
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

    /// <summary>Opens metrics.jsonl to go on from version <paramref name="steps"/>, without the lines of steps that
    /// will be done again.</summary>
    /// <exception cref="RnnLmException">Exit code 6: it cannot be read or written. Exit code 4: the lease is
    /// lost.</exception>
    public MetricsLog OpenMetrics(Lease lease, long steps) => MetricsLog.Open(_operations, MetricsPath, lease, steps);

    /// <summary>Opens ledger.json cut back to the checkpoint that training goes on from; 0 and
    /// <see cref="LedgerChain.Empty"/> for a new run.</summary>
    /// <exception cref="RnnLmException">Exit code 6: it does not hold the checkpoint's steps, or cannot be written.
    /// Exit code 4: the lease is lost.</exception>
    public LedgerWriter OpenLedger(Lease lease, long steps, LedgerChain chain) =>
        LedgerWriter.Open(_operations, LedgerPath, lease, steps, chain);

    /// <summary>Reads ledger.json.</summary>
    /// <exception cref="RnnLmException">Exit code 6: it cannot be read or is not a ledger.</exception>
    public LedgerContent ReadLedger() => LedgerContent.Read(_operations, LedgerPath);

    /// <summary>Opens the checkpoints for writing: finishes or undoes what a dead writer left.</summary>
    /// <param name="lease">Of this process.</param>
    /// <param name="validationText">Losses on another text make none the best; null to take every loss.</param>
    /// <exception cref="RnnLmException">Exit code 6: the directory cannot be written. Exit code 4: the lease is
    /// lost.</exception>
    public CheckpointStore OpenCheckpoints(Lease lease, string? validationText = null) =>
        CheckpointStore.Open(_operations, Root, CheckpointsDirectory, lease, validationText);

    internal static RunDirectory CreateOrOpen(FileOperations operations, string path)
    {
        string root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        RefuseFile(operations, root);
        var run = new RunDirectory(operations, root);
        StorageFailure.Guard("create", root, () =>
        {
            if (!operations.DirectoryExists(root))
            {
                operations.CreateDirectory(root);
                operations.FlushDirectory(Path.GetDirectoryName(root)!);
            }
            else if (!run.HasConfig)
            {
                RefuseForeign(operations, root);
            }
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
            throw RnnLmException.BadInput($"'{root}' is a file, not a run directory; choose another --run");
        }
    }

    private static void RefuseForeign(FileOperations operations, string root)
    {
        string? foreign = operations.Entries(root)
            .Where(entry => !TemporaryName.IsTemporary(entry) && !BeforeConfig.Contains(Path.GetFileName(entry)))
            .Order(StringComparer.Ordinal)
            .FirstOrDefault();
        if (foreign is not null)
        {
            throw RnnLmException.BadInput(
                $"'{root}' is not a run: it has no config.json but holds '{Path.GetFileName(foreign)}'; " +
                "choose a new or empty directory for --run");
        }
    }

    private RnnLmException UnusableConfig(string what, Exception? inner = null) => RnnLmException.BadInput(
        $"'{ConfigPath}' {what}; restore it from a copy or start another run", inner);
}
