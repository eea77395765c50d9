using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace RnnLm.Data.Tokenizers.SentencePiece;

/// <summary>Writes fields in the Protocol Buffers wire format.</summary>
internal sealed class WireWriter
{
    private const int VarintType = 0;
    private const int LengthDelimitedType = 2;
    private const int Fixed32Type = 5;

    private readonly ArrayBufferWriter<byte> _buffer = new();

    /// <summary>What was written so far.</summary>
    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    public void Number(int field, ulong value)
    {
        Varint(Key(field, VarintType));
        Varint(value);
    }

    public void Single(int field, float value)
    {
        Varint(Key(field, Fixed32Type));
        BinaryPrimitives.WriteSingleLittleEndian(_buffer.GetSpan(sizeof(float)), value);
        _buffer.Advance(sizeof(float));
    }

    public void Text(int field, string text) => Delimited(field, Encoding.UTF8.GetBytes(text));

    public void Message(int field, Action<WireWriter> write)
    {
        var message = new WireWriter();
        write(message);
        Delimited(field, message.Written);
    }

    private static ulong Key(int field, int type) => ((ulong)field << 3) | (uint)type;

    private void Delimited(int field, ReadOnlySpan<byte> bytes)
    {
        Varint(Key(field, LengthDelimitedType));
        Varint((ulong)bytes.Length);
        _buffer.Write(bytes);
    }

    private void Varint(ulong value)
    {
        while (value >= 0x80)
        {
            _buffer.GetSpan(1)[0] = (byte)(value | 0x80);
            _buffer.Advance(1);
            value >>= 7;
        }

        _buffer.GetSpan(1)[0] = (byte)value;
        _buffer.Advance(1);
    }
}
