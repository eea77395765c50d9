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
            run.Checkpoints.ReadNewest(checkpoint =>
            {
                CopyFiles(
                    checkpoint.Path, Path.Combine(temporary, "checkpoints", Path.GetFileName(checkpoint.Path)), "*");
                return checkpoint;
            });
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

    private static void CopyFiles(string source, string target, string pattern)
    {
        Directory.CreateDirectory(target);
        foreach (string file in Directory.GetFiles(source, pattern))
        {
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)), overwrite: true);
        }
    }
}
