using System.Text;

namespace RnnLm.Storage;

/// <summary>Reads the metrics of a run while they grow, and no byte twice. One thread at a time.</summary>
public sealed class MetricsReader
{
    private readonly IncarnationFile _file;
    private long _incarnation;
    private long _offset;
    private long _count;

    internal MetricsReader(IncarnationFile file) => _file = file;

    /// <summary>The lines that have come since the last call, as far as they are written whole. Who has taken the run
    /// over meanwhile has a file of its own: of that, those behind as many as were read before.</summary>
    /// <exception cref="RnnLmException">Exit code 6: they cannot be read; the next call begins at the same line.
    /// </exception>
    public IReadOnlyList<string> ReadNew() => StorageFailure.Guard("read", _file.PlainPath, () =>
    {
        var lines = new List<string>();
        if (_file.OpenNewest() is not var (incarnation, file))
        {
            return lines;
        }

        using (file)
        {
            bool isKnown = incarnation == _incarnation && file.Length >= _offset;
            (long begin, long count) = isKnown ? (_offset, _count) : (0, 0);
            long offset = begin;
            file.Position = begin;
            var reader = new LineReader(file, MetricsLog.MaximumLineBytes);
            while (reader.Read() && reader.IsTerminated)
            {
                offset = begin + reader.Position;
                if (!reader.IsTooLong && count++ >= _count)
                {
                    lines.Add(Encoding.UTF8.GetString(reader.Line));
                }
            }

            (_incarnation, _offset, _count) = (incarnation, offset, count);
            return lines;
        }
    });
}
