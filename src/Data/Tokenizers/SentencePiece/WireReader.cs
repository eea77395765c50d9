namespace RnnLm.Data.Tokenizers.SentencePiece;

/// <summary>Reads the fields of one message in the Protocol Buffers wire format.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> message)
{
    private const int VarintType = 0;
    private const int Fixed64Type = 1;
    private const int LengthDelimitedType = 2;
    private const int Fixed32Type = 5;

    private ReadOnlySpan<byte> _rest = message;

    /// <summary>Number of the field that <see cref="Next"/> found.</summary>
    public int Field { get; private set; }

    /// <summary>Value of a varint field.</summary>
    public ulong Number { get; private set; }

    /// <summary>Content of a field of any other type.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    /// <summary>Goes on to the next field; false at the end.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a message.</exception>
    public bool Next()
    {
        if (_rest.IsEmpty)
        {
            return false;
        }

        ulong key = Varint();
        Field = key >> 3 is > 0 and <= int.MaxValue ? (int)(key >> 3) : throw Malformed();
        Number = 0;
        Bytes = default;
        switch ((int)(key & 7))
        {
            case VarintType:
                Number = Varint();
                break;
            case Fixed64Type:
                Bytes = Take(sizeof(ulong));
                break;
            case LengthDelimitedType:
                Bytes = Take(Varint());
                break;
            case Fixed32Type:
                Bytes = Take(sizeof(uint));
                break;
            default:
                throw Malformed();
        }

        return true;
    }

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)_rest.Length)
        {
            throw Malformed();
        }

        ReadOnlySpan<byte> taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = Take(1)[0];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw Malformed();
    }

    private static InvalidDataException Malformed() => new("it is truncated or not a SentencePiece model");
}
