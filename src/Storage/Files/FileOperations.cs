using Microsoft.Win32.SafeHandles;

namespace RnnLm.Storage;

/// <summary>
/// Every change to the file system goes through here, so that a test can let any one of them fail, or all from the n-th on as if the process
/// had been killed there. Failures are the <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/> of .NET.
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

    /// <summary>rename(2): a file or link at <paramref name="to"/> is replaced atomically, a directory there must be empty.</summary>
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
