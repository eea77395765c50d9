using System.Buffers.Binary;
using System.Security.Cryptography;

namespace RnnLm.Cli.Tests;

/// <summary>Somebody changes the token file in the cache.</summary>
public sealed class Token_file_that_changes : IDisposable
{
    private const int BadInput = 3;
    private const int Storage = 6;
    private const string Cache = "cache";
    private const int HeaderBytes = 128;

    private readonly TemporaryDirectory _directory = new();

    public Token_file_that_changes() => _directory.Write("corpus.txt", SmallText.Sentences(60));

    public void Dispose() => _directory.Dispose();

    /// <summary>
    /// A token that the model does not have, in a file whose checksum is right: an example that nobody can compute.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void An_example_that_cannot_be_computed_ends_training_with_its_name(int workers)
    {
        Run([.. Settings("1"), "--workers", $"{workers}"]).Succeeded();
        int poison = AddUnknownToken();
        var result = Run("train", "--run", "run", "--resume", "--steps", "40", "--workers", $"{workers}", "--json")
            .Refused(BadInput, "cannot be computed: shard ", $"token id {poison} is outside the vocabulary");
        long step = _directory.Run("run").FinalStep;
        Assert.Contains($"step {step} cannot be computed", result.Error, StringComparison.Ordinal);
        Assert.Contains($"--steps {step}..{step + 1} --json", result.Error, StringComparison.Ordinal);
        Assert.Contains(result.Objects, line => line.IsEvent("work_failed"));

        // What it says to look at has the token, in that shard and in no other of the step.
        string found = Assert.Single(
            Run("plan", "--run", "run", "--steps", $"{step}..{step + 1}", "--json").Succeeded().Objects,
            shard => shard.GetProperty("examples").EnumerateArray().Any(example =>
                example.GetProperty("target").EnumerateArray().Any(id => id.GetInt32() == poison)))
            .GetProperty("shard").GetRawText();
        Assert.Contains($"shard {found} (", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_shrinks_ends_training_with_its_name_and_the_last_version_saved()
    {
        using var training = RnnLmProcess.StartWith(
            "RNNLM_CACHE", Cache, _directory, [.. Settings("1000000000"), "--json"]);
        training.WaitForStep(3);
        using (var file = new FileStream(TokenFile, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(HeaderBytes);
        }

        var result = training.WaitForEnd().Refused(Storage, TokenFile, "changed while it was in use", "delete it");
        Assert.Equal(result.Objects.Max(TrainingObjects.Step) + 1, _directory.Run("run").FinalStep);
    }

    private string TokenFile => Directory
        .EnumerateFiles(Path.Combine(_directory.Root, Cache), "*.tokens", SearchOption.AllDirectories).Single();

    private static string[] Settings(string steps) =>
    [
        "train", "--corpus", "corpus.txt", "--preset", "char", "--dimension", "16", "--layers", "1",
        "--context", "12", "--batch", "13", "--shards", "8", "--held-out", "0", "--schedule", "constant",
        "--warmup", "0", "--run", "run", "--evaluate-every", "0", "--steps", steps,
    ];

    private ProcessResult Run(params IEnumerable<string> arguments)
    {
        using var process = RnnLmProcess.StartWith("RNNLM_CACHE", Cache, _directory, arguments);
        return process.WaitForEnd();
    }

    /// <summary>Writes the file as its maker would for a vocabulary of one token more; see TokenFileHeader.</summary>
    private int AddUnknownToken()
    {
        byte[] file = File.ReadAllBytes(TokenFile);
        var vocabulary = file.AsSpan(16, sizeof(int));
        int unknown = BinaryPrimitives.ReadInt32LittleEndian(vocabulary);
        BinaryPrimitives.WriteInt32LittleEndian(vocabulary, unknown + 1);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(HeaderBytes + (6 * sizeof(ushort))), (ushort)unknown);
        byte[] payload = SHA256.HashData(file.AsSpan(HeaderBytes));
        SHA256.HashData([.. file[..72], .. payload]).CopyTo(file, 72);
        File.WriteAllBytes(TokenFile, file);
        return unknown;
    }
}
