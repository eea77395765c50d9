using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace RnnLm.Storage;

/// <summary>
/// All access of this project to files goes through here, so that it can be put on another disk than the machine's, and
/// so that a test can let any one operation fail, or all from the n-th on as if the process had been killed there.
/// Failures are the <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/> of .NET;
/// <see cref="FileNotFoundException"/> or <see cref="DirectoryNotFoundException"/> for what is not there.
/// </summary>
internal class FileOperations
{
    private const int AlreadyExists = 17;

    // EWOULDBLOCK of Linux and of macOS and BSD, and Windows' sharing violation: how .NET reports a lock held by
    // another.
    private static readonly int[] HeldByAnother = [11, 35, unchecked((int)0x80070020)];

    /// <summary>The machine's file system, without any injected failure.</summary>
    public static FileOperations Default { get; } = new();

    /// <summary>Whether there is a file, or a link to one.</summary>
    public virtual bool FileExists(string path)
    {
        Before(FileOperation.Read, path);
        return File.Exists(path);
    }

    /// <summary>Whether there is a directory, or a link to one.</summary>
    public virtual bool DirectoryExists(string path)
    {
        Before(FileOperation.Read, path);
        return Directory.Exists(path);
    }

    /// <summary>The paths of all files, links and directories directly inside a directory, in no order.</summary>
    public virtual IReadOnlyList<string> Entries(string directory)
    {
        Before(FileOperation.Read, directory);
        return Directory.GetFileSystemEntries(directory);
    }

    /// <summary>What a symbolic link says; null of what is no link or not there.</summary>
    public virtual string? LinkTarget(string path)
    {
        Before(FileOperation.Read, path);
        return new FileInfo(path).LinkTarget;
    }

    /// <summary>Opens a file to read, also while others write, rename or remove it. It can be sought in.</summary>
    public virtual Stream OpenRead(string path)
    {
        Before(FileOperation.Read, path);
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    /// <summary>Takes the exclusive lock on a file, which is created when missing, until it is disposed or the process
    /// ends; null when another has it.</summary>
    public virtual IDisposable? TryLock(string path)
    {
        Before(FileOperation.CreateFile, path);
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException failure) when (HeldByAnother.Contains(failure.HResult))
        {
            return null;
        }
    }

    /// <summary>Creates a directory and its parents where they are missing.</summary>
    public virtual void CreateDirectory(string path)
    {
        Before(FileOperation.CreateDirectory, path);
        Directory.CreateDirectory(path);
    }

    /// <summary>Creates the file, or opens it emptied.</summary>
    public virtual IFile Create(string path) => OpenToWrite(path, FileMode.Create);

    /// <summary>Creates the file; null when something has its name already, which of several at once that try only one
    /// does not get.</summary>
    public virtual IFile? TryCreateNew(string path)
    {
        try
        {
            return OpenToWrite(path, FileMode.CreateNew);
        }
        catch (IOException failure) when (failure.HResult == AlreadyExists)
        {
            return null;
        }
    }

    /// <summary>Opens the file for writing, creating it when missing, and keeps what it holds.</summary>
    public virtual IFile Open(string path) => OpenToWrite(path, FileMode.OpenOrCreate);

    /// <summary>fsync of a directory.</summary>
    public virtual void FlushDirectory(string path)
    {
        Before(FileOperation.FlushDirectory, path);
        Posix.FlushDirectory(path);
    }

    /// <summary>rename(2): a file or link at <paramref name="to"/> is replaced atomically, a directory there must be
    /// empty.</summary>
    public virtual void Rename(string from, string to)
    {
        Before(FileOperation.Rename, to);
        Posix.Rename(from, to);
    }

    /// <summary>Makes a symbolic link; nothing may have its name.</summary>
    public virtual void CreateLink(string path, string target)
    {
        Before(FileOperation.CreateLink, path);
        File.CreateSymbolicLink(path, target);
    }

    /// <summary>Removes a file or a link, if there is one.</summary>
    public virtual void DeleteFile(string path)
    {
        Before(FileOperation.Delete, path);
        File.Delete(path);
    }

    /// <summary>Removes a directory, which must be empty.</summary>
    public virtual void DeleteEmptyDirectory(string path)
    {
        Before(FileOperation.Delete, path);
        Directory.Delete(path);
    }

    /// <summary>Removes a directory with all it holds, entry by entry; links are removed, not followed.</summary>
    public void DeleteDirectory(string path)
    {
        foreach (string entry in Entries(path))
        {
            if (LinkTarget(entry) is null && DirectoryExists(entry))
            {
                DeleteDirectory(entry);
            }
            else
            {
                DeleteFile(entry);
            }
        }

        DeleteEmptyDirectory(path);
    }

    /// <summary>Called before each operation on the machine's file system; a test throws here.</summary>
    protected virtual void Before(FileOperation operation, string path)
    {
    }

    private MachineFile OpenToWrite(string path, FileMode mode)
    {
        Before(FileOperation.CreateFile, path);
        return new MachineFile(this, path, File.OpenHandle(path, mode, FileAccess.Write, FileShare.Read));
    }

    private sealed class MachineFile(FileOperations operations, string path, SafeFileHandle handle) : IFile
    {
        public long Length => RandomAccess.GetLength(handle);

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            operations.Before(FileOperation.Write, path);
            RandomAccess.Write(handle, bytes, offset);
        }

        public void SetLength(long length)
        {
            operations.Before(FileOperation.Write, path);
            RandomAccess.SetLength(handle, length);
        }

        public void Flush()
        {
            operations.Before(FileOperation.Flush, path);
            RandomAccess.FlushToDisk(handle);
        }

        public void Dispose() => handle.Dispose();
    }
}

/// <summary>A file opened for writing.</summary>
internal interface IFile : IDisposable
{
    /// <summary>In bytes.</summary>
    long Length { get; }

    /// <summary>Writes all bytes from an offset on.</summary>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    void SetLength(long length);

    /// <summary>fsync of the file.</summary>
    void Flush();
}

/// <summary>The operations on a file system.</summary>
internal enum FileOperation
{
    /// <summary>Any that changes nothing.</summary>
    Read,
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
/// The POSIX calls that .NET does not offer: fsync of a directory, without which a rename may be lost when power
/// fails; rename(2) as it stands, which replaces a symbolic link atomically (File.Move follows it); and link(2), which
/// replaces nothing (File.Move looks first and then renames).
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

    /// <summary>link(2): the file has a second name, which nothing may have. Throws as <see cref="Rename"/>.</summary>
    public static void Link(string path, string second)
    {
        if (NativeLink(path, second) != 0)
        {
            throw LastError(second);
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

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int NativeLink(string path, string second);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int NativeOpen(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int NativeFsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int NativeClose(int descriptor);
}

/// <summary>Turns failures of the file system into one line with a cure (exit code 6).</summary>
public static class StorageFailure
{
    private const string MakeRoom = "free some space there or choose a directory on another device";
    private const int NoSpace = 28;
    private const int ReadOnlyFileSystem = 30;
    private const int QuotaExceeded = 122;

    // What .NET reports when it cannot preallocate a file.
    private const int DiskFull = unchecked((int)0x80070070);

    /// <summary>Whether the file system failed.</summary>
    public static bool IsOne(Exception failure) => failure is IOException or UnauthorizedAccessException;

    /// <summary>Runs <paramref name="action"/>; a failure of the file system becomes "cannot <paramref name="doing"/>
    /// '<paramref name="path"/>': cause; cure".</summary>
    /// <exception cref="RnnLmException">That.</exception>
    public static T Guard<T>(string doing, string path, Func<T> action)
    {
        ArgumentNullException.ThrowIfNull(action);
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
        ArgumentNullException.ThrowIfNull(action);
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
