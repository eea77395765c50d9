namespace RnnLm.Storage;

/// <summary>
/// Names of things under construction: <c>.NAME.tmp-TAG</c> beside NAME, where the tag tells writers apart. Whoever holds the lease may remove
/// all that it did not make itself.
/// </summary>
internal static class TemporaryName
{
    private const string Mark = ".tmp-";

    /// <summary>The temporary sibling of <paramref name="path"/>.</summary>
    public static string For(string path, string tag) =>
        Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}{Mark}{tag}");

    public static bool IsTemporary(string path)
    {
        string name = Path.GetFileName(path);
        return name.StartsWith('.') && name.Contains(Mark, StringComparison.Ordinal);
    }

    /// <summary>Removes every temporary file, link and directory directly inside <paramref name="directory"/>.</summary>
    public static void RemoveAll(FileOperations operations, string directory)
    {
        foreach (string entry in Directory.GetFileSystemEntries(directory).Where(IsTemporary))
        {
            Remove(operations, entry);
        }
    }

    /// <summary>Removes a file, link or whole directory if it is there.</summary>
    public static void Remove(FileOperations operations, string path)
    {
        var entry = new FileInfo(path);
        if (entry.LinkTarget is not null || entry.Exists)
        {
            operations.DeleteFile(path);
        }
        else if (Directory.Exists(path))
        {
            operations.DeleteDirectory(path);
        }
    }
}
