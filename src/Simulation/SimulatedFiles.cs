using RnnLm.Storage;

namespace RnnLm.Simulation;

/// <summary>The simulated disk as one process sees it.</summary>
internal sealed class SimulatedFiles(World world, SimulatedProcess process) : FileOperations
{
    private SimulatedDisk Disk => world.Disk;

    /// <inheritdoc/>
    public override bool FileExists(string path)
    {
        Disk.Before(process);
        return Disk.Find(path) is FileNode or LinkNode;
    }

    /// <inheritdoc/>
    public override bool DirectoryExists(string path)
    {
        Disk.Before(process);
        return Disk.Find(path) is DirectoryNode;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Entries(string directory)
    {
        Before(FileOperation.Read, directory);
        return Disk.Find(directory) is DirectoryNode found
            ? [.. found.Entries.Keys.OrderBy(_ => world.Dice.Fraction()).Select(name => Path.Combine(directory, name))]
            : throw new DirectoryNotFoundException($"Could not find a part of the path '{directory}'.");
    }

    /// <inheritdoc/>
    public override string? LinkTarget(string path)
    {
        Before(FileOperation.Read, path);
        return (Disk.Find(path) as LinkNode)?.Target;
    }

    /// <inheritdoc/>
    public override Stream OpenRead(string path)
    {
        Before(FileOperation.Read, path);
        return Disk.Find(path) switch
        {
            FileNode file => new MemoryStream(file.Content, writable: false),
            LinkNode link => OpenRead(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, link.Target))),
            _ => throw new FileNotFoundException($"Could not find file '{path}'.", path),
        };
    }

    /// <inheritdoc/>
    public override IDisposable? TryLock(string path)
    {
        Before(FileOperation.CreateFile, path);
        var parent = Disk.ParentOf(path);
        if (!parent.Entries.ContainsKey(Path.GetFileName(path)))
        {
            var file = new FileNode();
            parent.Change(entries => entries.TryAdd(Path.GetFileName(path), file));
        }

        return Disk.TryLock(process, path);
    }

    /// <inheritdoc/>
    public override void CreateDirectory(string path)
    {
        Before(FileOperation.CreateDirectory, path);
        if (Disk.Find(path) is null)
        {
            var made = new DirectoryNode();
            Disk.ParentOf(path).Change(entries => entries.TryAdd(Path.GetFileName(path), made));
        }
    }

    /// <inheritdoc/>
    public override IFile Create(string path)
    {
        var file = Open(path);
        file.SetLength(0);
        return file;
    }

    /// <inheritdoc/>
    public override IFile? TryCreateNew(string path)
    {
        Before(FileOperation.CreateFile, path);
        return Disk.ParentOf(path).Entries.ContainsKey(Path.GetFileName(path)) ? null : Make(path);
    }

    /// <inheritdoc/>
    public override IFile Open(string path)
    {
        Before(FileOperation.CreateFile, path);
        return Disk.Find(path) is FileNode file ? new WritableFile(this, path, file) : Make(path);
    }

    /// <inheritdoc/>
    public override void FlushDirectory(string path)
    {
        Before(FileOperation.FlushDirectory, path);
        (Disk.Find(path) as DirectoryNode ?? throw new DirectoryNotFoundException(path)).Sync();
    }

    /// <inheritdoc/>
    public override void Rename(string from, string to)
    {
        Before(FileOperation.Rename, to);
        var (source, target) = (Disk.ParentOf(from), Disk.ParentOf(to));
        var (oldName, newName) = (Path.GetFileName(from), Path.GetFileName(to));
        var node = source.Entries.GetValueOrDefault(oldName)
            ?? throw new FileNotFoundException($"Could not find file '{from}'.", from);
        if (target.Entries.GetValueOrDefault(newName) is DirectoryNode { Entries.Count: > 0 })
        {
            throw new IOException($"Directory not empty : '{to}'", 39);
        }

        Change(from);
        Change(to);
        if (source == target)
        {
            source.Change(entries =>
            {
                if (entries.Remove(oldName))
                {
                    entries[newName] = node;
                }
            });
            return;
        }

        target.Change(entries => entries[newName] = node);
        source.Change(entries => entries.Remove(oldName));
    }

    /// <inheritdoc/>
    public override void CreateLink(string path, string target)
    {
        Before(FileOperation.CreateLink, path);
        var parent = Disk.ParentOf(path);
        string name = Path.GetFileName(path);
        if (parent.Entries.ContainsKey(name))
        {
            throw new IOException($"The file '{path}' already exists.", 17);
        }

        parent.Change(entries => entries.TryAdd(name, new LinkNode(target)));
    }

    /// <inheritdoc/>
    public override void DeleteFile(string path)
    {
        Before(FileOperation.Delete, path);
        Change(path);
        Disk.ParentOf(path).Change(entries => entries.Remove(Path.GetFileName(path)));
    }

    /// <inheritdoc/>
    public override void DeleteEmptyDirectory(string path)
    {
        Before(FileOperation.Delete, path);
        if (Disk.Find(path) is not DirectoryNode { Entries.Count: 0 })
        {
            throw new IOException($"Directory not empty : '{path}'", 39);
        }

        Change(path);
        Disk.ParentOf(path).Change(entries => entries.Remove(Path.GetFileName(path)));
    }

    /// <inheritdoc/>
    protected override void Before(FileOperation operation, string path)
    {
        Disk.Before(process);
        Disk.MayFail(process, operation, path);
        if (operation is not FileOperation.Read)
        {
            world.Note(process.Name, $"{operation} {path}");
        }
    }

    private void Change(string path) => world.Checks.Changes(process, path);

    private WritableFile Make(string path)
    {
        var file = new FileNode();
        string name = Path.GetFileName(path);
        Disk.ParentOf(path).Change(entries => entries[name] = file);
        return new WritableFile(this, path, file);
    }

    private sealed class WritableFile(SimulatedFiles files, string path, FileNode file) : IFile
    {
        public long Length => file.Content.Length;

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            files.Before(FileOperation.Write, path);
            files.Change(path);
            byte[] content = new byte[Math.Max(file.Content.Length, offset + bytes.Length)];
            file.Content.CopyTo(content, 0);
            bytes.CopyTo(content.AsSpan((int)offset));
            file.Content = content;
        }

        public void SetLength(long length)
        {
            files.Before(FileOperation.Write, path);
            byte[] content = new byte[length];
            file.Content.AsSpan(0, (int)Math.Min(length, file.Content.Length)).CopyTo(content);
            file.Content = content;
        }

        public void Flush()
        {
            files.Before(FileOperation.Flush, path);
            file.Sync();
        }

        public void Dispose()
        {
        }
    }
}
