namespace RnnLm.Data;

/// <summary>
/// Where fetched packages, trained vocabularies and token files are kept. Everything in it can be deleted and is made
/// again.
/// </summary>
public static class CacheDirectory
{
    /// <summary>The variable that names another directory.</summary>
    public const string Variable = "RNNLM_CACHE";

    internal const string Packages = "packages";
    internal const string Tokens = "tokens";
    internal const string Tokenizers = "tokenizers";

    /// <summary>
    /// <c>$RNNLM_CACHE</c>, or <c>rnnlm</c> in <c>$XDG_CACHE_HOME</c>, or <c>~/.cache/rnnlm</c> (XDG Base Directory
    /// Specification).
    /// </summary>
    public static string Default()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
        {
            return Path.GetFullPath(named);
        }

        // The specification has relative paths ignored.
        string? shared = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return Path.Combine(Path.IsPathFullyQualified(shared ?? "") ? shared! : Path.Combine(home, ".cache"), "rnnlm");
    }

    /// <summary>
    /// Removes what processes left in a cache directory that ended while they wrote to it; those that live are not
    /// disturbed.
    /// </summary>
    public static void RemoveAbandoned(string cacheDirectory)
    {
        foreach (string part in (string[])[Packages, Tokens, Tokenizers])
        {
            Publishing.RemoveAbandoned(Path.Combine(cacheDirectory, part));
        }
    }
}

/// <summary>
/// Puts files and directories into the cache whole or not at all: they are made under a name of their own and renamed.
/// Two processes that make the same entry at once both succeed, and either's is used. While an entry is made, a locked
/// file <c>ENTRY.RANDOM.lock</c> stands beside its <c>ENTRY.RANDOM.tmp</c>: the system gives up the lock however the
/// process ends, so what a dead writer left can be told.
/// </summary>
internal static class Publishing
{
    private const string LockSuffix = ".lock";
    private const string TemporarySuffix = ".tmp";
    private const int MostAttempts = 16;

    /// <summary>Makes the file <paramref name="path"/>, replacing one that is there.</summary>
    /// <param name="path">The entry.</param>
    /// <param name="make">Writes it under the name it is given; longer names that begin so may be used as well.</param>
    /// <exception cref="RnnLmException">Storage: it cannot be written.</exception>
    public static void File(string path, Action<string> make) => Publish(path, temporary =>
    {
        make(temporary);
        System.IO.File.Move(temporary, path, overwrite: true);
    });

    /// <summary>Makes the directory <paramref name="path"/>, unless another process has made it meanwhile.</summary>
    /// <param name="path">The entry.</param>
    /// <param name="make">Fills the directory it is given.</param>
    /// <exception cref="RnnLmException">Storage: it cannot be written.</exception>
    public static void Directory(string path, Action<string> make) => Publish(path, temporary =>
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

    /// <summary>Removes from a directory what dead writers left; what cannot be removed stays.</summary>
    public static void RemoveAbandoned(string directory)
    {
        try
        {
            if (!System.IO.Directory.Exists(directory))
            {
                return;
            }

            foreach (string path in System.IO.Directory.GetFiles(directory, "*" + LockSuffix))
            {
                try
                {
                    using FileStream held = Lock(path, FileMode.Open);
                    Remove(path[..^LockSuffix.Length]);
                }
                catch (IOException)
                {
                    // Its writer lives, or another process is removing it.
                }
            }

            // A writer makes its lock first and removes it last: without one nobody writes this any more.
            foreach (string path in System.IO.Directory.GetFileSystemEntries(directory, "*" + TemporarySuffix + "*"))
            {
                string stem = path[..path.LastIndexOf(TemporarySuffix, StringComparison.Ordinal)];
                if (!System.IO.File.Exists(stem + LockSuffix))
                {
                    Remove(stem);
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // A cache that can only be read still serves.
        }
    }

    private static void Publish(string path, Action<string> publish)
    {
        try
        {
            System.IO.Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using FileStream held = Claim(path);
            string stem = held.Name[..^LockSuffix.Length];
            try
            {
                publish(stem + TemporarySuffix);
            }
            finally
            {
                Remove(stem);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.Storage(
                $"{path}: cannot be written ({failure.Message}); "
                + $"free space, or name another cache directory with {CacheDirectory.Variable}",
                failure);
        }
    }

    /// <summary>
    /// A lock beside <paramref name="path"/>; its random part only keeps writers apart and enters nothing that is
    /// computed.
    /// </summary>
    private static FileStream Claim(string path)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                // Hexadecimal digits hold no suffix: a lock must not be taken for an entry half made.
                FileStream held = Lock($"{path}.{Guid.NewGuid():N}{LockSuffix}", FileMode.CreateNew);

                // Between its making and its locking another process may have taken it for abandoned and removed it.
                if (System.IO.File.Exists(held.Name))
                {
                    return held;
                }

                held.Dispose();
            }
            catch (IOException) when (attempt < MostAttempts)
            {
                // The same, a moment earlier; a directory that cannot be written fails every time.
            }
        }
    }

    private static FileStream Lock(string path, FileMode mode) =>
        new(path, mode, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);

    /// <summary>Removes what lies under a writer's temporary names, and then its lock.</summary>
    private static void Remove(string stem)
    {
        string temporaries = Path.GetFileName(stem) + TemporarySuffix + "*";
        foreach (string path in System.IO.Directory.GetFileSystemEntries(Path.GetDirectoryName(stem)!, temporaries))
        {
            if (System.IO.Directory.Exists(path))
            {
                System.IO.Directory.Delete(path, recursive: true);
            }
            else
            {
                System.IO.File.Delete(path);
            }
        }

        System.IO.File.Delete(stem + LockSuffix);
    }
}
