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

    private readonly ExampleMode _mode;
    private readonly int _vocabularySize;
    private readonly byte[] _key;
    private readonly FileStream _file;
    private readonly FileStream? _starts;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private ushort[] _narrow = [];
    private long _tokens;
    private long _sentences;

    public TokenFileWriter(string path, ExampleMode mode, int vocabularySize, byte[] key)
    {
        (_mode, _vocabularySize, _key) = (mode, vocabularySize, key);
        _file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, BufferBytes);
        _file.Write(new byte[TokenFileHeader.Bytes]);
        if (mode == ExampleMode.Sentences)
        {
            _starts = new FileStream(path + ".starts", FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, BufferBytes, FileOptions.DeleteOnClose);
            WriteStart();
        }
    }

    /// <summary>Appends ids; in sentences mode <paramref name="sentenceLengths"/> divides them.</summary>
    public void Append(ReadOnlySpan<int> ids, IReadOnlyList<int> sentenceLengths)
    {
        if (_starts is null)
        {
            _tokens += ids.Length;
        }

        foreach (int length in sentenceLengths)
        {
            _tokens += length;
            _sentences++;
            WriteStart();
        }

        WritePayload(TokenFileHeader.IdBytesFor(_vocabularySize) == sizeof(ushort) ? MemoryMarshal.AsBytes(Narrow(ids)) : MemoryMarshal.AsBytes(ids));
    }

    /// <summary>Writes what only the end knows and forces everything to the disk.</summary>
    public void Complete()
    {
        long idBytes = _tokens * TokenFileHeader.IdBytesFor(_vocabularySize);
        WritePayload(new byte[TokenFileHeader.AlignUp(idBytes) - idBytes]);
        if (_starts is not null)
        {
            _starts.Position = 0;
            byte[] buffer = new byte[BufferBytes];
            for (int read = _starts.Read(buffer); read > 0; read = _starts.Read(buffer))
            {
                WritePayload(buffer.AsSpan(0, read));
            }
        }

        var header = new TokenFileHeader(_mode, _vocabularySize, _tokens, _sentences, _key);
        _file.Position = 0;
        _file.Write(header.ToBytes(_hash.GetHashAndReset()));
        _file.Flush(flushToDisk: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _starts?.Dispose();
        _file.Dispose();
        _hash.Dispose();
    }

    private void WriteStart() => _starts!.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in _tokens)));

    private void WritePayload(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        _file.Write(bytes);
    }

    private ReadOnlySpan<ushort> Narrow(ReadOnlySpan<int> ids)
    {
        if (_narrow.Length < ids.Length)
        {
            _narrow = new ushort[ids.Length];
        }

        for (int i = 0; i < ids.Length; i++)
        {
            _narrow[i] = checked((ushort)ids[i]);
        }

        return _narrow.AsSpan(0, ids.Length);
    }
}
