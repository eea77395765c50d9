using RnnLm.Storage;

namespace RnnLm.Hosting;

/// <summary>Copies a run that may be trained and pruned meanwhile.</summary>
internal static class RunCopy
{
    /// <summary>Copies the newest good checkpoint, and configuration, tokenizer, ledger and metrics up to there. What
    /// is not whole yet lies beside the target, where the next copy takes its place.</summary>
    /// <exception cref="RnnLmException">The target is there already (exit code 3), or something cannot be read or
    /// written (6).</exception>
    public static void Make(string source, string target)
    {
        if (Path.Exists(target))
        {
            throw RnnLmException.BadInput($"--to {target}: is there already; give another");
        }

        string part = $"{Path.TrimEndingDirectorySeparator(target)}.part";
        try
        {
            Remove(part);
            var run = RunDirectory.Open(source);
            var newest = run.Checkpoints.ReadNewest(checkpoint => Copy(checkpoint, part))
                ?? throw RnnLmException.BadInput($"'{source}' has no checkpoint that can be used; nothing is copied");
            File.CreateSymbolicLink(Path.Combine(part, "final"), PlaceOf(newest));
            CopyFiles(run.TokenizerDirectory, Path.Combine(part, "tokenizer"));
            run.CopyTo(part, LeaseHolder.ThisProcess(), newest.State);
            Directory.Move(part, target);
        }
        catch (Exception failure) when (StorageFailure.IsOne(failure))
        {
            throw RnnLmException.Storage($"'{source}' cannot be copied to '{target}': {failure.Message}", failure);
        }
        finally
        {
            Remove(part);
        }
    }

    private static void Remove(string directory)
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static string PlaceOf(Checkpoint checkpoint) =>
        Path.Combine("checkpoints", Path.GetFileName(checkpoint.Path));

    /// <summary>Copies a checkpoint into the copy of the run.</summary>
    /// <exception cref="RnnLmException">It was pruned meanwhile, or cannot be copied (exit code 6).</exception>
    private static Checkpoint Copy(Checkpoint checkpoint, string root)
    {
        string target = Path.Combine(root, PlaceOf(checkpoint));
        try
        {
            CopyFiles(checkpoint.Path, target);
            return checkpoint;
        }
        catch (IOException failure)
        {
            Remove(target);
            throw RnnLmException.Storage($"'{checkpoint.Path}' cannot be copied: {failure.Message}", failure);
        }
    }

    private static void CopyFiles(string source, string target)
    {
        Directory.CreateDirectory(target);
        foreach (string file in Directory.GetFiles(source))
        {
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        }
    }
}
