using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace RnnLm.Storage;

/// <summary>A new file written front to back; <see cref="Finish"/> makes it durable and gives the SHA-256 of what was written.</summary>
internal sealed class DurableFile : IDisposable
{
    private const int ChunkBytes = 1 << 20;

    private readonly FileOperations _operations;
    private readonly string _path;
    private readonly SafeFileHandle _handle;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _length;

    public DurableFile(FileOperations operations, string path)
    {
        _operations = operations;
        _path = path;
        _handle = operations.Create(path);
    }

    /// <summary>Appends bytes. In chunks, so that the hash is taken while they are in the cache.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            ReadOnlySpan<byte> chunk = bytes[..Math.Min(ChunkBytes, bytes.Length)];
            _hash.AppendData(chunk);
            _operations.Write(_handle, _path, chunk, _length);
            _length += chunk.Length;
            bytes = bytes[chunk.Length..];
        }
    }

    /// <summary>Flushes the file to the disk and returns the SHA-256 of its bytes in lower-case hexadecimal.</summary>
    public string Finish()
    {
        _operations.Flush(_handle, _path);
        return Convert.ToHexStringLower(_hash.GetHashAndReset());
    }

    public void Dispose()
    {
        _handle.Dispose();
        _hash.Dispose();
    }
}
