using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace RnnLm.Data;

/// <summary>
/// Writes a token file front to back in bounded memory; sentence starts wait in a second file until all ids are
/// written.
/// </summary>
internal sealed class TokenFileWriter : IDisposable
{
    private const int BufferBytes = 1 << 16;

    private readonly FileStream _file;
    private readonly FileStream? _starts;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private TokenFileHeader _header;

    public TokenFileWriter(string path, ExampleMode mode, int vocabularySize, byte[] key)
    {
        _header = new TokenFileHeader(mode, vocabularySize, TokenCount: 0, SentenceCount: 0, key);
        _file = Create(path, FileOptions.None);
        _file.Write(new byte[TokenFileHeader.Bytes]);
        if (mode == ExampleMode.Sentences)
        {
            _starts = Create(path + ".starts", FileOptions.DeleteOnClose);
            WriteStart(0);
        }
    }

    /// <summary>Appends ids; in sentences mode <paramref name="sentenceLengths"/> divides them.</summary>
    public void Append(ReadOnlySpan<int> ids, IReadOnlyList<int> sentenceLengths)
    {
        long end = _header.TokenCount;
        foreach (int length in sentenceLengths)
        {
            WriteStart(end += length);
        }

        _header = _header with
        {
            TokenCount = _header.TokenCount + ids.Length,
            SentenceCount = _header.SentenceCount + sentenceLengths.Count,
        };
        if (_header.IdBytes == sizeof(ushort))
        {
            ushort[] narrow = new ushort[ids.Length];
            for (int i = 0; i < ids.Length; i++)
            {
                narrow[i] = checked((ushort)ids[i]);
            }

            WritePayload(MemoryMarshal.AsBytes<ushort>(narrow));
        }
        else
        {
            WritePayload(MemoryMarshal.AsBytes(ids));
        }
    }

    /// <summary>Writes what only the end knows and forces everything to the disk.</summary>
    public void Complete()
    {
        WritePayload(new byte[_header.StartsOffset - TokenFileHeader.Bytes - (_header.TokenCount * _header.IdBytes)]);
        if (_starts is not null)
        {
            _starts.Position = 0;
            byte[] buffer = new byte[BufferBytes];
            for (int read = _starts.Read(buffer); read > 0; read = _starts.Read(buffer))
            {
                WritePayload(buffer.AsSpan(0, read));
            }
        }

        _file.Position = 0;
        _file.Write(_header.ToBytes(_hash.GetHashAndReset()));
        _file.Flush(flushToDisk: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _starts?.Dispose();
        _file.Dispose();
        _hash.Dispose();
    }

    private static FileStream Create(string path, FileOptions options) =>
        new(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, BufferBytes, options);

    private void WriteStart(long start) => _starts!.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in start)));

    private void WritePayload(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        _file.Write(bytes);
    }
}
