using System.IO.MemoryMappedFiles;
using System.Security.Cryptography;

namespace RnnLm.Data;

/// <summary>The ids of a corpus in a memory-mapped file. Any number of threads may read it; none may while it is disposed.</summary>
public sealed unsafe class TokenFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly TokenFileHeader _header;
    private byte* _bytes;

    private TokenFile(string path, MemoryMappedFile file, TokenFileHeader header)
    {
        Path = path;
        _file = file;
        _header = header;
        _view = file.CreateViewAccessor(0, header.FileBytes, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _bytes);
        _bytes += _view.PointerOffset;
    }

    /// <summary>Where it lies.</summary>
    public string Path { get; }

    /// <summary>How the text was prepared.</summary>
    public ExampleMode Mode => _header.Mode;

    /// <summary>Every id is below this.</summary>
    public int VocabularySize => _header.VocabularySize;

    /// <summary>Number of ids.</summary>
    public long TokenCount => _header.TokenCount;

    /// <summary>Number of sentences of at least two tokens; 0 in windows mode.</summary>
    public long SentenceCount => _header.SentenceCount;

    /// <summary>Opens a token file, checking its header and every byte.</summary>
    /// <param name="path">The file.</param>
    /// <param name="key">What it must have been made from; see <see cref="TokenFileCache"/>.</param>
    /// <exception cref="InvalidDataException">Damaged, or made from something else.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static TokenFile Open(string path, ReadOnlySpan<byte> key)
    {
        using FileStream stream = File.OpenRead(path);
        byte[] bytes = new byte[TokenFileHeader.Bytes];
        int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        TokenFileHeader header = TokenFileHeader.Parse(bytes.AsSpan(0, read), stream.Length);
        if (!key.SequenceEqual(header.Key))
        {
            throw new InvalidDataException("made from something else");
        }

        // The rest of the stream is the payload.
        if (!TokenFileHeader.HasChecksum(bytes, SHA256.HashData(stream)))
        {
            throw new InvalidDataException("its content is not what was written");
        }

        var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        return new TokenFile(path, file, header);
    }

    /// <summary>Tokens [start, start + length) that sentence <paramref name="index"/> covers.</summary>
    /// <exception cref="RnnLmException">Storage: the file was changed since it was opened.</exception>
    public (long Start, long Length) Sentence(long index)
    {
        ObjectDisposedException.ThrowIf(_bytes is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, SentenceCount);
        long* starts = (long*)(_bytes + _header.StartsOffset);
        long start = starts[index];
        long end = starts[index + 1];
        return start >= 0 && start <= end && end <= TokenCount ? (start, end - start) : throw Changed();
    }

    /// <summary>Copies the ids from <paramref name="start"/> on into <paramref name="destination"/>.</summary>
    /// <exception cref="RnnLmException">Storage: the file was changed since it was opened.</exception>
    public void Read(long start, Span<int> destination)
    {
        ObjectDisposedException.ThrowIf(_bytes is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, TokenCount - destination.Length);
        byte* first = _bytes + TokenFileHeader.Bytes + (start * _header.IdBytes);
        if (_header.IdBytes == sizeof(ushort))
        {
            var ids = new ReadOnlySpan<ushort>(first, destination.Length);
            for (int i = 0; i < ids.Length; i++)
            {
                destination[i] = ids[i];
            }
        }
        else
        {
            new ReadOnlySpan<int>(first, destination.Length).CopyTo(destination);
        }

        // An id outside the vocabulary would index past a table of native memory.
        foreach (int id in destination)
        {
            if ((uint)id >= (uint)VocabularySize)
            {
                throw Changed();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_bytes is not null)
        {
            _bytes = null;
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
            _file.Dispose();
        }
    }

    private RnnLmException Changed() =>
        RnnLmException.Storage($"{Path}: the token file was changed while it was in use; delete it and it is made again");
}
