using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary>Copies a run that may be trained and pruned meanwhile.</summary>
internal static class RunCopy
{
    /// <summary>Copies configuration, tokenizer, ledger, metrics and the newest good checkpoint.</summary>
    /// <exception cref="RnnLmException">The target is there already (exit code 3), or something cannot be read or
    /// written (6).</exception>
    public static void Make(string source, string target)
    {
        if (Path.Exists(target))
        {
            throw RnnLmException.BadInput($"--to {target}: is there already; give another");
        }

        string temporary = $"{target}.{Guid.NewGuid():N}.tmp";
        try
        {
            var run = RunDirectory.Open(source);
            string newest = run.Checkpoints.ReadNewest(checkpoint => Copy(checkpoint, temporary))
                ?? throw RnnLmException.BadInput($"'{source}' has no checkpoint that can be used; nothing is copied");
            File.CreateSymbolicLink(Path.Combine(temporary, "final"), newest);
            CopyFiles(run.TokenizerDirectory, Path.Combine(temporary, "tokenizer"), "*");
            CopyFiles(source, temporary, "*.json*");
            Directory.Move(temporary, target);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.Storage($"'{source}' cannot be copied to '{target}': {failure.Message}", failure);
        }
        finally
        {
            if (Directory.Exists(temporary))
            {
                Directory.Delete(temporary, recursive: true);
            }
        }
    }

    /// <summary>Copies a checkpoint; where it lies in the copy of the run.</summary>
    /// <exception cref="RnnLmException">It was pruned meanwhile, or cannot be copied (exit code 6).</exception>
    private static string Copy(Checkpoint checkpoint, string root)
    {
        string place = Path.Combine("checkpoints", Path.GetFileName(checkpoint.Path));
        string target = Path.Combine(root, place);
        try
        {
            CopyFiles(checkpoint.Path, target, "*");
            return place;
        }
        catch (IOException failure)
        {
            Directory.Delete(target, recursive: true);
            throw RnnLmException.Storage($"'{checkpoint.Path}' cannot be copied: {failure.Message}", failure);
        }
    }

    private static void CopyFiles(string source, string target, string pattern)
    {
        Directory.CreateDirectory(target);
        foreach (string file in Directory.GetFiles(source, pattern))
        {
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)), overwrite: true);
        }
    }
}
