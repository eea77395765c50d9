using System.Runtime.InteropServices;

namespace RnnLm.Storage;

/// <summary>
/// The two POSIX calls that .NET does not offer: fsync of a directory, without which a rename may be lost when power fails, and rename(2) as it
/// stands, which replaces a symbolic link atomically (File.Move follows it).
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

    /// <summary>fsync(2) of a directory, so that names created, renamed or removed in it survive a power failure.</summary>
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
