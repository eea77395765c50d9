using System.Buffers;
using System.Text.Json;

namespace RnnLm.Storage;

/// <summary>
/// Appends to the holder's metrics: one JSON object a line, gathered in memory until <see cref="Flush"/>. One thread at
/// a time.
/// </summary>
public sealed class MetricsLog : IDisposable
{
    internal const int MaximumLineBytes = 1 << 20;
    private const int FlushBytes = 1 << 16;

    private readonly string _path;
    private readonly Lease _lease;
    private readonly IFile _file;
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly Utf8JsonWriter _json;
    private long _length;
    private bool _hasTornEnd;

    private MetricsLog(FileOperations operations, string path, Lease lease, int removedLines)
    {
        _path = path;
        _lease = lease;
        RemovedLines = removedLines;
        _json = new Utf8JsonWriter(_line);
        _file = operations.Open(path);
        _length = _file.Length;
    }

    /// <summary>How many lines were removed on opening, because their steps will be done again or they were
    /// torn.</summary>
    public int RemovedLines { get; }

    /// <summary>Adds a line.</summary>
    /// <param name="writeProperties">Writes the properties of the object; numbers must be finite, JSON has no
    /// others.</param>
    /// <exception cref="RnnLmException">As <see cref="Flush"/>, when enough had gathered to be written.</exception>
    public void Append(Action<Utf8JsonWriter> writeProperties)
    {
        ArgumentNullException.ThrowIfNull(writeProperties);
        _json.Reset();
        _line.ResetWrittenCount();
        _json.WriteStartObject();
        writeProperties(_json);
        _json.WriteEndObject();
        _json.Flush();
        _buffer.Write(_line.WrittenSpan);
        _buffer.Write("\n"u8);
        if (_buffer.WrittenCount >= FlushBytes)
        {
            Flush();
        }
    }

    /// <summary>
    /// Writes the gathered lines. When that fails they are given up, so that memory stays bounded, and the file keeps
    /// ending with a whole line as soon as writing works again.
    /// </summary>
    /// <param name="toDisk">Also waits until the disk has them; for a checkpoint.</param>
    /// <exception cref="RnnLmException">Exit code 6: they could not be written. Exit code 4: the lease is
    /// lost.</exception>
    public void Flush(bool toDisk = false)
    {
        try
        {
            _lease.Guard("write", _path, () =>
            {
                if (_buffer.WrittenCount > 0)
                {
                    WriteGathered();
                }

                if (toDisk)
                {
                    _file.Flush();
                }
            });
        }
        finally
        {
            _buffer.ResetWrittenCount();
        }
    }

    /// <summary>Flushes and closes.</summary>
    public void Dispose()
    {
        try
        {
            Flush();
        }
        finally
        {
            _json.Dispose();
            _file.Dispose();
        }
    }

    /// <summary>Begins the holder's file with the lines of the source's in force that stay, and removes those of the
    /// holders before.</summary>
    internal static MetricsLog Open(
        FileOperations operations, IncarnationFile source, IncarnationFile file, Lease lease, long steps)
    {
        string path = file.PathOf(lease.Incarnation);
        return lease.Guard("write", path, () =>
        {
            int removed = 0;
            AtomicFile.Write(operations, path, lease.Tag, lease.Verify, written =>
            {
                using Stream? lines = source.OpenRead();
                removed = CopyKept(lines ?? Stream.Null, written, steps);
            });
            file.PointLink(lease);
            file.RemoveLower(lease);
            return new MetricsLog(operations, path, lease, removed);
        });
    }

    private void WriteGathered()
    {
        _lease.Verify();
        if (_hasTornEnd)
        {
            _file.SetLength(_length);
        }

        _hasTornEnd = true;
        _file.Write(_buffer.WrittenSpan, _length);
        _hasTornEnd = false;
        _length += _buffer.WrittenCount;
    }

    /// <summary>Copies the lines that stay.</summary>
    /// <returns>How many do not.</returns>
    private static int CopyKept(Stream stream, DurableFile written, long steps)
    {
        int removed = 0;
        var kept = new ArrayBufferWriter<byte>();
        var lines = new LineReader(stream, MaximumLineBytes);
        while (lines.Read())
        {
            if (!lines.IsTerminated || lines.IsTooLong || !IsKept(lines.Line, steps))
            {
                removed++;
                continue;
            }

            kept.Write(lines.Line);
            kept.Write("\n"u8);
            if (kept.WrittenCount >= MaximumLineBytes)
            {
                written.Write(kept.WrittenSpan);
                kept.ResetWrittenCount();
            }
        }

        written.Write(kept.WrittenSpan);
        return removed;
    }

    /// <summary>
    /// Steps before <paramref name="steps"/> are kept, and events of versions up to it: an evaluation of version v,
    /// made before its checkpoint was saved, is not made again. A line that is no JSON object was torn.
    /// </summary>
    private static bool IsKept(ReadOnlySpan<byte> line, long steps)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || reader.BytesConsumed != line.Length)
            {
                return false;
            }

            (string name, long limit) = root.TryGetProperty("event", out _) ? ("version", steps) : ("step", steps - 1);
            return !root.TryGetProperty(name, out JsonElement value)
                || (value.TryGetInt64(out long number) && number <= limit);
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
