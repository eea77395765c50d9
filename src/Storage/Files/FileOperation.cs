namespace RnnLm.Storage;

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
