using System.Globalization;
using System.Security.Cryptography;

namespace RnnLm.Storage;

/// <summary>Replaces a whole file or link at once: readers and a restart after a crash see the old content or the
/// new.</summary>
internal static class AtomicFile
{
    /// <summary>Writes a file that takes the place of <paramref name="path"/> when it is complete and on the
    /// disk.</summary>
    /// <param name="operations">The file system.</param>
    /// <param name="path">File to create or replace.</param>
    /// <param name="tag">Tells this writer's temporary file from another's.</param>
    /// <param name="verify">Called before the file takes its place; throws when this writer has lost the right to
    /// write.</param>
    /// <param name="write">Writes the content.</param>
    public static void Write(
        FileOperations operations, string path, string tag, Action verify, Action<DurableFile> write)
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

    /// <summary>Makes <paramref name="path"/> a symbolic link to <paramref name="target"/>, replacing a link that is
    /// there.</summary>
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

    /// <summary>Removes what a failed write left. What cannot be removed now is removed when the run is opened next;
    /// the first failure is the one to report.</summary>
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

/// <summary>A new file written front to back; <see cref="Finish"/> makes it durable and gives the SHA-256 of what was
/// written.</summary>
internal sealed class DurableFile : IDisposable
{
    private const int ChunkBytes = 1 << 20;

    private readonly IFile _file;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _length;

    public DurableFile(FileOperations operations, string path) => _file = operations.Create(path);

    /// <summary>Appends bytes. In chunks, so that the hash is taken while they are in the cache.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            ReadOnlySpan<byte> chunk = bytes[..Math.Min(ChunkBytes, bytes.Length)];
            _hash.AppendData(chunk);
            _file.Write(chunk, _length);
            _length += chunk.Length;
            bytes = bytes[chunk.Length..];
        }
    }

    /// <summary>Flushes the file to the disk and returns the SHA-256 of its bytes in lower-case hexadecimal.</summary>
    public string Finish()
    {
        _file.Flush();
        return Convert.ToHexStringLower(_hash.GetHashAndReset());
    }

    public void Dispose()
    {
        _file.Dispose();
        _hash.Dispose();
    }
}

/// <summary>
/// Names of things under construction: <c>.NAME.tmp-TAG</c> beside NAME. In a run the tag is the incarnation, and its
/// holder may remove what lower ones left.
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

    /// <summary>Removes what lower incarnations left under construction directly inside
    /// <paramref name="directory"/>, as far as possible: one of them may still be at it.</summary>
    public static void RemoveLower(FileOperations operations, string directory, long incarnation)
    {
        foreach (string entry in operations.Entries(directory).Where(IsTemporary))
        {
            string tag = entry[(entry.LastIndexOf(Mark, StringComparison.Ordinal) + Mark.Length)..];
            if (long.TryParse(tag, NumberStyles.None, CultureInfo.InvariantCulture, out long lower)
                && lower < incarnation)
            {
                RemoveFromReach(operations, entry, incarnation);
            }
        }
    }

    /// <summary>Who built it may be about to rename it: it gets a name that only this incarnation uses before it is
    /// taken apart.</summary>
    private static void RemoveFromReach(FileOperations operations, string entry, long incarnation)
    {
        string moved = For(entry, incarnation.ToString(CultureInfo.InvariantCulture));
        try
        {
            operations.Rename(entry, moved);
        }
        catch (Exception failure) when (StorageFailure.IsOne(failure))
        {
            return;
        }

        AtomicFile.TryRemove(operations, moved);
    }

    /// <summary>Removes a file, link or whole directory if it is there.</summary>
    public static void Remove(FileOperations operations, string path)
    {
        if (operations.LinkTarget(path) is not null || operations.FileExists(path))
        {
            operations.DeleteFile(path);
        }
        else if (operations.DirectoryExists(path))
        {
            operations.DeleteDirectory(path);
        }
    }
}
