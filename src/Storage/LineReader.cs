namespace RnnLm.Storage;

/// <summary>Reads a file line by line without trusting it: a line longer than the limit is skipped and reported, never
/// held in memory.</summary>
internal sealed class LineReader(Stream stream, int maximumLineBytes)
{
    private readonly byte[] _buffer = new byte[maximumLineBytes + 1];
    private int _start;
    private int _end;
    private bool _ended;

    /// <summary>The current line without its line feed; valid until the next call.</summary>
    public ReadOnlySpan<byte> Line => _buffer.AsSpan(LineStart, LineLength);

    /// <summary>Whether the current line ended with a line feed; false for a last line that was torn.</summary>
    public bool IsTerminated { get; private set; }

    /// <summary>Whether the current line was longer than the limit; <see cref="Line"/> is then empty.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>Bytes up to the end of the current line, with its line feed.</summary>
    public long Position { get; private set; }

    private int LineStart { get; set; }

    private int LineLength { get; set; }

    /// <summary>Moves to the next line; false at the end of the file.</summary>
    public bool Read()
    {
        IsTooLong = false;
        while (true)
        {
            int feed = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (feed >= 0)
            {
                Take(feed, terminated: true);
                _start += feed + 1;
                return true;
            }

            if (_ended)
            {
                bool any = _end > _start || IsTooLong;
                Take(_end - _start, terminated: false);
                _start = _end;
                return any;
            }

            Fill();
        }
    }

    private void Take(int length, bool terminated)
    {
        LineStart = _start;
        LineLength = IsTooLong ? 0 : length;
        Position += length + (terminated ? 1 : 0);
        IsTerminated = terminated;
    }

    private void Fill()
    {
        if (_end - _start == _buffer.Length)
        {
            IsTooLong = true;
            Position += _buffer.Length;
            _start = _end;
        }

        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        _end -= _start;
        _start = 0;
        int count = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += count;
        _ended = count == 0;
    }
}
