using System.Security.Cryptography;
using System.Text;

namespace RnnLm.Storage;

/// <summary>
/// A checkpoint directory whose files were found to be those that were written. DONE, the last file written, lists them with their SHA-256 in the
/// form that <c>sha256sum --check DONE</c> reads.
/// </summary>
public sealed class Checkpoint
{
    private const int MaximumDoneBytes = 4096;

    private Checkpoint(string path, CheckpointState state, IReadOnlyDictionary<string, string> hashes)
    {
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
    /// <exception cref="RnnLmException">Exit code 3: it is not a checkpoint or it is damaged. Exit code 6: it cannot be read.</exception>
    public static Checkpoint Open(string path)
    {
        if (!Directory.Exists(path))
        {
            throw RnnLmException.BadInput($"there is no checkpoint directory '{path}'; check the path");
        }

        CheckpointCheck check = Check(path);
        return check.Checkpoint ?? throw RnnLmException.BadInput($"checkpoint '{path}' is damaged: {check.Damage}; use another checkpoint");
    }

    /// <summary>Opens the parameters.</summary>
    public SafetensorsFile OpenModel() => SafetensorsFile.Open(System.IO.Path.Combine(Path, CheckpointNames.Model));

    /// <summary>Opens the state of the optimiser.</summary>
    public SafetensorsFile OpenOptimizer() => SafetensorsFile.Open(System.IO.Path.Combine(Path, CheckpointNames.Optimizer));

    /// <summary>The content of DONE for files with these hashes.</summary>
    internal static byte[] Done(IReadOnlyDictionary<string, string> hashes) =>
        Encoding.ASCII.GetBytes(string.Concat(CheckpointNames.Hashed.Select(name => DoneLine(name, hashes[name]))));

    /// <summary>Compares a checkpoint with its hashes.</summary>
    /// <exception cref="RnnLmException">Exit code 6: it cannot be read.</exception>
    internal static CheckpointCheck Check(string path) => StorageFailure.Guard("read", path, () =>
    {
        string done = System.IO.Path.Combine(path, CheckpointNames.Done);
        if (!File.Exists(done))
        {
            return CheckpointCheck.Bad(path, "DONE is missing");
        }

        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        byte[] claimed = ReadAtMost(done, MaximumDoneBytes);
        foreach (string name in CheckpointNames.Hashed)
        {
            string file = System.IO.Path.Combine(path, name);
            if (!File.Exists(file))
            {
                return CheckpointCheck.Bad(path, $"{name} is missing");
            }

            hashes[name] = Hash(file);
            if (!Lists(claimed, name, hashes[name]))
            {
                return CheckpointCheck.Bad(path, $"{name} does not match its SHA-256 in DONE");
            }
        }

        // Byte for byte, so that no flip inside DONE goes unseen either.
        return claimed.AsSpan().SequenceEqual(Done(hashes)) ? WithState(path, hashes) : CheckpointCheck.Bad(path, "DONE was changed");
    });

    /// <summary>Where training stood, by a state.json that matches DONE, without looking at the tensors; null when it does not.</summary>
    internal static CheckpointState? ReadState(string path)
    {
        string done = System.IO.Path.Combine(path, CheckpointNames.Done);
        string file = System.IO.Path.Combine(path, CheckpointNames.State);
        if (!File.Exists(done) || !File.Exists(file) || !Lists(ReadAtMost(done, MaximumDoneBytes), CheckpointNames.State, Hash(file)))
        {
            return null;
        }

        return WithState(path, []).Checkpoint?.State;
    }

    private static bool Lists(byte[] done, string name, string hash) => done.AsSpan().IndexOf(Encoding.ASCII.GetBytes(DoneLine(name, hash))) >= 0;

    private static string DoneLine(string name, string hash) => $"{hash}  {name}\n";

    private static CheckpointCheck WithState(string path, Dictionary<string, string> hashes)
    {
        try
        {
            byte[] bytes = ReadAtMost(System.IO.Path.Combine(path, CheckpointNames.State), CheckpointState.MaximumBytes);
            CheckpointState state = CheckpointState.Parse(bytes);
            long? named = CheckpointNames.Step(System.IO.Path.GetFileName(path));
            return named is null || named == state.Step
                ? new CheckpointCheck(path, new Checkpoint(path, state, hashes), null)
                : CheckpointCheck.Bad(path, $"{CheckpointNames.State} says step {state.Step}");
        }
        catch (FormatException failure)
        {
            return CheckpointCheck.Bad(path, $"{CheckpointNames.State} cannot be parsed ({failure.Message})");
        }
    }

    private static byte[] ReadAtMost(string path, int maximumBytes)
    {
        using FileStream stream = File.OpenRead(path);
        byte[] bytes = new byte[Math.Min(maximumBytes, stream.Length)];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static string Hash(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
