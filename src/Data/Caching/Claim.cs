namespace RnnLm.Data;

/// <summary>
/// The sole right to write under a temporary name beside a cache entry. A locked file <c>ENTRY.RANDOM.lock</c> stands for it, and what is written carries the
/// same name with <c>.tmp</c>: the system gives up the lock when the process ends, however it ends, so what a dead writer left can be told from the work of a
/// living one.
/// </summary>
internal sealed class Claim : IDisposable
{
    private const string LockSuffix = ".lock";
    private const string TemporarySuffix = ".tmp";
    private const int MostAttempts = 16;

    private readonly string _lockPath;
    private readonly FileStream _lock;

    private Claim(string stem, FileStream held)
    {
        _lockPath = stem + LockSuffix;
        _lock = held;
        TemporaryPath = stem + TemporarySuffix;
    }

    /// <summary>File or directory to write; names that begin with it may be used as well.</summary>
    public string TemporaryPath { get; }

    /// <summary>A claim beside <paramref name="path"/>, whose directory exists.</summary>
    /// <exception cref="IOException">The directory cannot be written.</exception>
    public static Claim Beside(string path)
    {
        for (int attempt = 1; ; attempt++)
        {
            // The random part only keeps two writers apart and enters nothing that is computed.
            string stem = $"{path}.{Path.GetRandomFileName()}";
            try
            {
                var held = new FileStream(stem + LockSuffix, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);

                // Between its making and its locking another process may have taken it for abandoned and removed it.
                if (File.Exists(stem + LockSuffix))
                {
                    return new Claim(stem, held);
                }

                held.Dispose();
            }
            catch (IOException) when (attempt < MostAttempts)
            {
                // The same, a moment earlier; a directory that cannot be written fails every time.
            }
        }
    }

    /// <summary>Removes from a directory what writers left that are dead. What cannot be removed stays: nobody waits for it.</summary>
    public static void RemoveAbandoned(string directory)
    {
        try
        {
            if (!Directory.Exists(directory))
            {
                return;
            }

            foreach (string lockPath in Directory.GetFiles(directory, "*" + LockSuffix))
            {
                RemoveIfAbandoned(lockPath);
            }

            // A writer makes its lock first and removes it last: without one nobody writes this any more.
            foreach (string temporary in Directory.GetFileSystemEntries(directory, "*" + TemporarySuffix + "*"))
            {
                string stem = temporary[..temporary.LastIndexOf(TemporarySuffix, StringComparison.Ordinal)];
                if (!File.Exists(stem + LockSuffix))
                {
                    Remove(temporary);
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // A cache that can only be read still serves.
        }
    }

    /// <summary>Removes what is still there under the temporary name, and gives the claim up.</summary>
    public void Dispose()
    {
        RemoveTemporaries(_lockPath);
        File.Delete(_lockPath);
        _lock.Dispose();
    }

    private static void RemoveIfAbandoned(string lockPath)
    {
        try
        {
            using var held = new FileStream(lockPath, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            RemoveTemporaries(lockPath);
            File.Delete(lockPath);
        }
        catch (IOException)
        {
            // Its writer lives, or another process is removing it.
        }
    }

    private static void RemoveTemporaries(string lockPath)
    {
        string temporary = Path.GetFileName(lockPath[..^LockSuffix.Length]) + TemporarySuffix;
        foreach (string path in Directory.GetFileSystemEntries(Path.GetDirectoryName(lockPath)!, temporary + "*"))
        {
            Remove(path);
        }
    }

    private static void Remove(string path)
    {
        if (File.Exists(path))
        {
            File.Delete(path);
        }
        else if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
    }
}
