namespace RnnLm.Storage;

/// <summary>Replaces a whole file or link at once: readers and a restart after a crash see the old content or the new.</summary>
internal static class AtomicFile
{
    /// <summary>Writes a file that takes the place of <paramref name="path"/> when it is complete and on the disk.</summary>
    /// <param name="operations">The file system.</param>
    /// <param name="path">File to create or replace.</param>
    /// <param name="tag">Tells this writer's temporary file from another's.</param>
    /// <param name="verify">Called before the file takes its place; throws when this writer has lost the right to write.</param>
    /// <param name="write">Writes the content.</param>
    public static void Write(FileOperations operations, string path, string tag, Action verify, Action<DurableFile> write)
    {
        string temporary = TemporaryName.For(path, tag);
        try
        {
            using (var file = new DurableFile(operations, temporary))
            {
                write(file);
                file.Finish();
            }

            verify();
            operations.Rename(temporary, path);
            operations.FlushDirectory(Path.GetDirectoryName(path)!);
        }
        catch
        {
            TryRemove(operations, temporary);
            throw;
        }
    }

    /// <summary>Makes <paramref name="path"/> a symbolic link to <paramref name="target"/>, replacing a link that is there.</summary>
    public static void Link(FileOperations operations, string path, string target, string tag)
    {
        string temporary = TemporaryName.For(path, tag);
        try
        {
            TemporaryName.Remove(operations, temporary);
            operations.CreateLink(temporary, target);
            operations.Rename(temporary, path);
            operations.FlushDirectory(Path.GetDirectoryName(path)!);
        }
        catch
        {
            TryRemove(operations, temporary);
            throw;
        }
    }

    /// <summary>Removes what a failed write left. What cannot be removed now is removed when the run is opened next; the first failure is the one to report.</summary>
    public static void TryRemove(FileOperations operations, string path)
    {
        try
        {
            TemporaryName.Remove(operations, path);
        }
        catch (Exception failure) when (StorageFailure.IsOne(failure))
        {
        }
    }
}
