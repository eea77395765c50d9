using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RnnLm.Storage;

/// <summary>
/// A checkpoint directory whose files were found to be those that were written. DONE, the last file written, lists them
/// with their SHA-256 in the form that <c>sha256sum --check DONE</c> reads.
/// </summary>
public sealed class Checkpoint
{
    private const int MaximumDoneBytes = 4096;

    private readonly FileOperations _operations;

    private Checkpoint(
        FileOperations operations, string path, CheckpointState state, IReadOnlyDictionary<string, string> hashes)
    {
        _operations = operations;
        Path = path;
        State = state;
        Hashes = hashes;
    }

    /// <summary>Its directory.</summary>
    public string Path { get; }

    /// <summary>Where training stood.</summary>
    public CheckpointState State { get; }

    /// <summary>SHA-256 of each file, in lower-case hexadecimal.</summary>
    public IReadOnlyDictionary<string, string> Hashes { get; }

    /// <summary>Opens and verifies a checkpoint that the user named.</summary>
    /// <exception cref="RnnLmException">Exit code 3: it is not a checkpoint or it is damaged. Exit code 6: it cannot be
    /// read.</exception>
    public static Checkpoint Open(string path) => Open(FileOperations.Default, path);

    /// <summary>Opens the parameters.</summary>
    public SafetensorsFile OpenModel() =>
        SafetensorsFile.Open(_operations, System.IO.Path.Combine(Path, CheckpointNames.Model));

    /// <summary>Opens the state of the optimizer.</summary>
    public SafetensorsFile OpenOptimizer() =>
        SafetensorsFile.Open(_operations, System.IO.Path.Combine(Path, CheckpointNames.Optimizer));

    /// <inheritdoc cref="Open(string)"/>
    internal static Checkpoint Open(FileOperations operations, string path)
    {
        if (!operations.DirectoryExists(path))
        {
            throw RnnLmException.BadInput($"there is no checkpoint directory '{path}'; check the path");
        }

        CheckpointCheck check = Check(operations, path);
        return check.Checkpoint
            ?? throw RnnLmException.BadInput($"checkpoint '{path}' is damaged: {check.Damage}; use another checkpoint");
    }

    /// <summary>The content of DONE for files with these hashes.</summary>
    internal static byte[] Done(IReadOnlyDictionary<string, string> hashes) =>
        Encoding.ASCII.GetBytes(string.Concat(CheckpointNames.Hashed.Select(name => DoneLine(name, hashes[name]))));

    /// <summary>Compares a checkpoint with its hashes.</summary>
    /// <exception cref="RnnLmException">Exit code 6: it cannot be read.</exception>
    internal static CheckpointCheck Check(FileOperations operations, string path) =>
        StorageFailure.Guard("read", path, () =>
        {
            try
            {
                return new CheckpointCheck(Verify(operations, path), null);
            }
            catch (FormatException damage)
            {
                return new CheckpointCheck(null, damage.Message);
            }
        });

    /// <summary>
    /// Where training stood, by a state.json that matches DONE, without looking at the tensors; null when it does not.
    /// </summary>
    internal static CheckpointState? ReadState(FileOperations operations, string path)
    {
        try
        {
            byte[] done = ReadAtMost(operations, path, CheckpointNames.Done, MaximumDoneBytes);
            RequireListed(operations, done, path, CheckpointNames.State);
            return StateOf(operations, path);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static Checkpoint Verify(FileOperations operations, string path)
    {
        byte[] done = ReadAtMost(operations, path, CheckpointNames.Done, MaximumDoneBytes);
        var hashes = CheckpointNames.Hashed.ToDictionary(
            name => name, name => RequireListed(operations, done, path, name));

        // Byte for byte, so that no flip inside DONE goes unseen either.
        return done.AsSpan().SequenceEqual(Done(hashes))
            ? new Checkpoint(operations, path, StateOf(operations, path), hashes)
            : throw new FormatException("DONE was changed");
    }

    /// <summary>The hash of a file, which DONE must list.</summary>
    private static string RequireListed(FileOperations operations, byte[] done, string path, string name)
    {
        using Stream stream = Open(operations, path, name);
        string hash = Convert.ToHexStringLower(SHA256.HashData(stream));
        return done.AsSpan().IndexOf(Encoding.ASCII.GetBytes(DoneLine(name, hash))) >= 0
            ? hash
            : throw new FormatException($"{name} does not match its SHA-256 in DONE");
    }

    private static string DoneLine(string name, string hash) => $"{hash}  {name}\n";

    private static CheckpointState StateOf(FileOperations operations, string path)
    {
        var state = CheckpointState.Parse(
            ReadAtMost(operations, path, CheckpointNames.State, CheckpointState.MaximumBytes));
        return CheckpointName.Parse(System.IO.Path.GetFileName(path)) is not { } name || name.Step == state.Step
            ? state
            : throw new FormatException($"{CheckpointNames.State} says step {state.Step}");
    }

    private static byte[] ReadAtMost(FileOperations operations, string path, string name, int maximumBytes)
    {
        using Stream stream = Open(operations, path, name);
        byte[] bytes = new byte[Math.Min(maximumBytes, stream.Length)];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static Stream Open(FileOperations operations, string path, string name)
    {
        try
        {
            return operations.OpenRead(System.IO.Path.Combine(path, name));
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new FormatException($"{name} is missing", failure);
        }
    }
}

/// <summary>What verifying a checkpoint directory found.</summary>
/// <param name="Checkpoint">The checkpoint when it is good.</param>
/// <param name="Damage">What is wrong with it when it is not.</param>
public sealed record CheckpointCheck(Checkpoint? Checkpoint, string? Damage);

/// <summary>
/// Where training stood: the content of <c>state.json</c>. It holds nothing that differs between two executions of one
/// job (no time, host, path or incarnation), so that its bytes do not either.
/// </summary>
/// <param name="Step">The version: how many updates (or recorded skips) the parameters have seen.</param>
/// <param name="Epoch">Epoch of the next step, from 0.</param>
/// <param name="ExamplesSeen">Examples of all committed steps.</param>
/// <param name="Tokens">Predicted tokens of all committed steps.</param>
/// <param name="OptimizerStep">Updates the optimizer made; smaller than the step when steps were skipped.</param>
/// <param name="ValidationLoss">Mean loss in nats per token on the held-out text, where it was measured at this step;
/// finite.</param>
/// <param name="JobHash">Hash of the job.</param>
/// <param name="Ledger">Chain hash over the ledger's first <paramref name="Step"/> entries.</param>
public sealed record CheckpointState(
    long Step,
    long Epoch,
    long ExamplesSeen,
    long Tokens,
    long OptimizerStep,
    double? ValidationLoss,
    [property: JsonPropertyName("job")] string JobHash,
    LedgerChain Ledger)
{
    internal const int MaximumBytes = 16 << 20;

    private const int CurrentFormat = 1;
    private const int HashDigits = 64;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        WriteIndented = true,
        NewLine = "\n",
    };

    /// <summary>
    /// Which text the validation loss is of: SHA-256 of its files, or empty for the part of the corpus that is held
    /// out; null without a loss.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ValidationText { get; init; }

    /// <summary>What evaluations have made of the learning rate; null before the first, and for schedules that do not
    /// go by them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PlateauState? Plateau { get; init; }

    /// <summary>Evaluations that were due and have not improved on the best, since that one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long SinceBest { get; init; }

    /// <summary>Of the file.</summary>
    [JsonPropertyOrder(-1)]
    public int Format { get; init; } = CurrentFormat;

    /// <summary>The validation loss, if it is of that text or nobody knows of which (null).</summary>
    public double? LossOn(string? text) =>
        ValidationText is null || text is null || text == ValidationText ? ValidationLoss : null;

    internal byte[] ToBytes() => [.. JsonSerializer.SerializeToUtf8Bytes(this, Json), (byte)'\n'];

    /// <exception cref="FormatException">The bytes are not a state; the message says why.</exception>
    internal static CheckpointState Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var state = JsonSerializer.Deserialize<CheckpointState>(bytes, Json)
                ?? throw new JsonException("it is null");
            if (state.Format != CurrentFormat)
            {
                throw new JsonException($"its format is {state.Format}, this program reads format {CurrentFormat}");
            }

            return state is { Step: >= 0, SinceBest: >= 0, JobHash.Length: HashDigits } &&
                state.JobHash.All(char.IsAsciiHexDigitLower)
                ? state
                : throw new JsonException("its step, since_best or the hash of its job cannot be");
        }
        catch (JsonException failure)
        {
            throw new FormatException(
                $"{CheckpointNames.State} cannot be parsed ({failure.Message.TrimEnd('.')})", failure);
        }
    }
}

/// <summary>The files of a checkpoint.</summary>
public static class CheckpointNames
{
    public const string Model = "model.safetensors";
    public const string Optimizer = "optimizer.safetensors";
    public const string State = "state.json";
    public const string Done = "DONE";

    /// <summary>The files whose hashes DONE holds, in its order.</summary>
    public static IReadOnlyList<string> Hashed { get; } = [Model, Optimizer, State];
}
