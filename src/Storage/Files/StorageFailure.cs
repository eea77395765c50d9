namespace RnnLm.Storage;

/// <summary>Turns failures of the file system into one line with a cure (exit code 6).</summary>
internal static class StorageFailure
{
    private const int NoSpace = 28;
    private const int ReadOnlyFileSystem = 30;
    private const int QuotaExceeded = 122;

    // What .NET reports when it cannot preallocate a file.
    private const int DiskFull = unchecked((int)0x80070070);

    public static bool IsOne(Exception failure) => failure is IOException or UnauthorizedAccessException;

    /// <summary>Runs <paramref name="action"/>; a failure of the file system becomes "cannot <paramref name="doing"/> '<paramref name="path"/>': cause; cure".</summary>
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
        _ when failure.HResult is NoSpace or DiskFull => "no space left on the device; free some space there or choose a directory on another device",
        _ when failure.HResult == QuotaExceeded => "disk quota exceeded; free some space there or choose a directory on another device",
        _ when failure.HResult == ReadOnlyFileSystem => "the file system is read-only; choose a directory on a writable one",
        DirectoryNotFoundException or FileNotFoundException => "it was removed or a part of its path is not a directory; check the path",
        _ => $"{failure.Message.ReplaceLineEndings(" ")}; check the path and the device",
    };
}
