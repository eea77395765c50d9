using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace RnnLm.Storage;

/// <summary>
/// Every change to the file system goes through here, so that a test can let any one of them fail, or all from the n-th
/// on as if the process had been killed there. Failures are the <see cref="IOException"/> or
/// <see cref="UnauthorizedAccessException"/> of .NET.
/// </summary>
internal class FileOperations
{
    /// <summary>The operations without any injected failure.</summary>
    public static FileOperations Default { get; } = new();

    public void CreateDirectory(string path)
    {
        Before(FileOperation.CreateDirectory, path);
        Directory.CreateDirectory(path);
    }

    /// <summary>Creates the file, or opens it emptied.</summary>
    public SafeFileHandle Create(string path)
    {
        Before(FileOperation.CreateFile, path);
        return File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.Read);
    }

    /// <summary>Opens the file for writing, creating it when missing, and keeps what it holds.</summary>
    public SafeFileHandle Open(string path)
    {
        Before(FileOperation.CreateFile, path);
        return File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read);
    }

    public void Write(SafeFileHandle handle, string path, ReadOnlySpan<byte> bytes, long offset)
    {
        Before(FileOperation.Write, path);
        RandomAccess.Write(handle, bytes, offset);
    }

    public void SetLength(SafeFileHandle handle, string path, long length)
    {
        Before(FileOperation.Write, path);
        RandomAccess.SetLength(handle, length);
    }

    /// <summary>fsync of a file.</summary>
    public void Flush(SafeFileHandle handle, string path)
    {
        Before(FileOperation.Flush, path);
        RandomAccess.FlushToDisk(handle);
    }

    /// <summary>fsync of a directory.</summary>
    public void FlushDirectory(string path)
    {
        Before(FileOperation.FlushDirectory, path);
        Posix.FlushDirectory(path);
    }

    /// <summary>rename(2): a file or link at <paramref name="to"/> is replaced atomically, a directory there must be
    /// empty.</summary>
    public void Rename(string from, string to)
    {
        Before(FileOperation.Rename, to);
        Posix.Rename(from, to);
    }

    public void CreateLink(string path, string target)
    {
        Before(FileOperation.CreateLink, path);
        File.CreateSymbolicLink(path, target);
    }

    public void DeleteFile(string path)
    {
        Before(FileOperation.Delete, path);
        File.Delete(path);
    }

    /// <summary>Removes a directory with all it holds, entry by entry; links are removed, not followed.</summary>
    public void DeleteDirectory(string path)
    {
        foreach (string entry in Directory.GetFileSystemEntries(path))
        {
            FileAttributes attributes = File.GetAttributes(entry);
            if (attributes.HasFlag(FileAttributes.Directory) && !attributes.HasFlag(FileAttributes.ReparsePoint))
            {
                DeleteDirectory(entry);
            }
            else
            {
                DeleteFile(entry);
            }
        }

        Before(FileOperation.Delete, path);
        Directory.Delete(path);
    }

    /// <summary>Called before each operation; a test throws here.</summary>
    protected virtual void Before(FileOperation operation, string path)
    {
    }
}

/// <summary>The operations that change a file system.</summary>
internal enum FileOperation
{
    CreateDirectory,
    CreateFile,
    Write,
    Flush,
    FlushDirectory,
    Rename,
    CreateLink,
    Delete,
}

/// <summary>
/// The two POSIX calls that .NET does not offer: fsync of a directory, without which a rename may be lost when power
/// fails, and rename(2) as it stands, which replaces a symbolic link atomically (File.Move follows it).
/// </summary>
internal static partial class Posix
{
    private const int ReadOnly = 0;

    /// <summary>rename(2). Throws <see cref="IOException"/> whose HResult is the errno.</summary>
    public static void Rename(string from, string to)
    {
        if (NativeRename(from, to) != 0)
        {
            throw LastError(to);
        }
    }

    /// <summary>fsync(2) of a directory, so that names created, renamed or removed in it survive a power
    /// failure.</summary>
    public static void FlushDirectory(string path)
    {
        int descriptor = NativeOpen(path, ReadOnly);
        if (descriptor < 0)
        {
            throw LastError(path);
        }

        try
        {
            if (NativeFsync(descriptor) != 0)
            {
                throw LastError(path);
            }
        }
        finally
        {
            _ = NativeClose(descriptor);
        }
    }

    private static IOException LastError(string path)
    {
        int error = Marshal.GetLastPInvokeError();
        return new IOException($"{Marshal.GetPInvokeErrorMessage(error)} : '{path}'", error);
    }

    [LibraryImport("libc", EntryPoint = "rename", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int NativeRename(string from, string to);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int NativeOpen(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int NativeFsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int NativeClose(int descriptor);
}

/// <summary>Turns failures of the file system into one line with a cure (exit code 6).</summary>
internal static class StorageFailure
{
    private const string MakeRoom = "free some space there or choose a directory on another device";
    private const int NoSpace = 28;
    private const int ReadOnlyFileSystem = 30;
    private const int QuotaExceeded = 122;

    // What .NET reports when it cannot preallocate a file.
    private const int DiskFull = unchecked((int)0x80070070);

    public static bool IsOne(Exception failure) => failure is IOException or UnauthorizedAccessException;

    /// <summary>Runs <paramref name="action"/>; a failure of the file system becomes "cannot <paramref name="doing"/>
    /// '<paramref name="path"/>': cause; cure".</summary>
    public static T Guard<T>(string doing, string path, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception failure) when (IsOne(failure))
        {
            throw RnnLmException.Storage($"cannot {doing} '{path}': {CauseAndCure(failure)}", failure);
        }
    }

    /// <inheritdoc cref="Guard{T}"/>
    public static void Guard(string doing, string path, Action action) => Guard(doing, path, () =>
    {
        action();
        return true;
    });

    private static string CauseAndCure(Exception failure) => failure switch
    {
        UnauthorizedAccessException => "permission denied; make the directory writable for this user or choose another",
        { HResult: NoSpace or DiskFull } => $"no space left on the device; {MakeRoom}",
        { HResult: QuotaExceeded } => $"disk quota exceeded; {MakeRoom}",
        { HResult: ReadOnlyFileSystem } => "the file system is read-only; choose a directory on a writable one",
        DirectoryNotFoundException or FileNotFoundException =>
            "it was removed or a part of its path is not a directory; check the path",
        _ => $"{failure.Message}; check the path and the device",
    };
}
