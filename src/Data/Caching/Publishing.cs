namespace RnnLm.Data;

/// <summary>
/// Puts files and directories into the cache whole or not at all: they are made under a name of their own and renamed. Two processes that make the same entry
/// at once both succeed, and either's is used.
/// </summary>
internal static class Publishing
{
    /// <summary>Makes the file <paramref name="path"/>, replacing one that is there.</summary>
    /// <exception cref="RnnLmException">Storage: it cannot be written.</exception>
    public static void File(string path, Action<string> make)
    {
        Guarded(path, temporary =>
        {
            make(temporary);
            System.IO.File.Move(temporary, path, overwrite: true);
        });
    }

    /// <summary>Makes the directory <paramref name="path"/>, unless another process has made it meanwhile.</summary>
    /// <exception cref="RnnLmException">Storage: it cannot be written.</exception>
    public static void Directory(string path, Action<string> make)
    {
        Guarded(path, temporary =>
        {
            System.IO.Directory.CreateDirectory(temporary);
            make(temporary);
            try
            {
                System.IO.Directory.Move(temporary, path);
            }
            catch (IOException) when (System.IO.Directory.Exists(path))
            {
                // Another process was first, with the same content.
            }
        });
    }

    private static void Guarded(string path, Action<string> publish)
    {
        try
        {
            System.IO.Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var claim = Claim.Beside(path);
            publish(claim.TemporaryPath);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.Storage(
                $"{path}: cannot be written ({failure.Message}); free space, or name another cache directory with {CacheDirectory.Variable}", failure);
        }
    }
}
