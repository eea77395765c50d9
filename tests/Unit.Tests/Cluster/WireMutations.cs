namespace RnnLm.Tests;

/// <summary>
/// Damage to messages as they travel (https://protobuf.dev/programming-guides/encoding). Most of it keeps the outer
/// form, so that it gets past the parser: fields are changed, doubled, left out, put in another order and taken from
/// other messages; the rest is bits and lengths.
/// </summary>
/// <param name="random">Decides all.</param>
/// <param name="others">Messages whose fields are mixed in.</param>
internal sealed class WireMutations(Random random, IReadOnlyList<byte[]> others)
{
    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int Bytes = 2;
    private const int Fixed32 = 5;

    /// <summary>A message with one to three changes.</summary>
    public byte[] Of(byte[] message)
    {
        for (int change = random.Next(1, 4); change > 0; change--)
        {
            message = random.Next(4) == 0 ? Raw(message) : Formed(message, depth: 0);
        }

        return message;
    }

    /// <summary>A change that knows nothing of fields.</summary>
    private byte[] Raw(byte[] message)
    {
        var changed = message.ToList();
        int at = random.Next(changed.Count + 1);
        switch (random.Next(4))
        {
            case 0 when at < changed.Count:
                changed[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                return message[..at];
            case 2:
                changed.InsertRange(at, OddVarint());
                break;
            default:
                changed.RemoveRange(at, Math.Min(random.Next(1, 5), changed.Count - at));
                break;
        }

        return [.. changed];
    }

    /// <summary>A change of a field, or in one.</summary>
    private byte[] Formed(byte[] message, int depth)
    {
        if (Split(message) is not { } fields)
        {
            return Raw(message);
        }

        int at = random.Next(fields.Count + 1);
        if (at < fields.Count && random.Next(3) > 0)
        {
            fields[at] = Changed(fields[at], depth);
            return Join(fields);
        }

        switch (random.Next(5))
        {
            case 0 when at < fields.Count:
                fields.Insert(random.Next(fields.Count + 1), fields[at]);
                break;
            case 1 when at < fields.Count:
                fields.RemoveAt(at);
                break;
            case 2 when at < fields.Count:
                (fields[0], fields[at]) = (fields[at], fields[0]);
                break;
            case 3 when at < fields.Count:
                fields[at] = fields[at] with { Number = (ulong)random.Next(1, 12) };
                break;
            default:
                var spliced = Split(others[random.Next(others.Count)]);
                if (spliced is { Count: > 0 })
                {
                    var field = spliced[random.Next(spliced.Count)];
                    fields.Insert(at, field with
                    {
                        Number = random.Next(2) == 0 ? field.Number : (ulong)random.Next(1, 9),
                    });
                }

                break;
        }

        return Join(fields);
    }

    private Field Changed(Field field, int depth)
    {
        switch (field.Type)
        {
            case Varint:
                return field with { Content = OddVarint() };
            case Fixed64 or Fixed32:
                byte[] bits = [.. field.Content];
                bits[random.Next(bits.Length)] ^= (byte)(1 << random.Next(8));
                return field with { Content = bits };
            case Bytes when depth < 4 && random.Next(4) > 0:
                return field with { Content = Formed(field.Content, depth + 1) };
            case Bytes when random.Next(3) == 0:
                return field with { LengthError = random.Next(-3, 4) };
            default:
                return field with { Content = Raw(field.Content) };
        }
    }

    private byte[] OddVarint() => random.Next(10) switch
    {
        0 => Encode(0),
        1 => Encode(1),
        2 => Encode(int.MaxValue),
        3 => Encode(unchecked((ulong)int.MinValue)),
        4 => Encode(long.MaxValue),
        5 => Encode(ulong.MaxValue),
        6 => [.. Enumerable.Repeat((byte)0xFF, random.Next(9, 12)), 1],
        7 => Encode((ulong)random.NextInt64() >> random.Next(64)),
        _ => Encode((ulong)random.Next(20)),
    };

    private static List<Field>? Split(ReadOnlySpan<byte> message)
    {
        var fields = new List<Field>();
        while (message.Length > 0)
        {
            if (Decode(ref message) is not { } tag)
            {
                return null;
            }

            int type = (int)(tag & 7);
            var before = message;
            ulong? length = type switch
            {
                Varint => Decode(ref message) is null ? null : (ulong)(before.Length - message.Length),
                Fixed64 => 8,
                Fixed32 => 4,
                Bytes => Decode(ref message),
                _ => null,
            };
            var rest = type == Varint ? before : message;
            if (length is not { } count || count > (ulong)rest.Length)
            {
                return null;
            }

            fields.Add(new Field(tag >> 3, type, rest[..(int)count].ToArray()));
            message = rest[(int)count..];
        }

        return fields;
    }

    private static byte[] Join(List<Field> fields)
    {
        var message = new List<byte>();
        foreach (var field in fields)
        {
            message.AddRange(Encode((field.Number << 3) | (uint)field.Type));
            if (field.Type == Bytes)
            {
                message.AddRange(Encode((ulong)Math.Max(0, field.Content.Length + field.LengthError)));
            }

            message.AddRange(field.Content);
        }

        return [.. message];
    }

    private static ulong? Decode(ref ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = 0; i < Math.Min(10, bytes.Length); i++)
        {
            value |= (ulong)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] < 0x80)
            {
                bytes = bytes[(i + 1)..];
                return value;
            }
        }

        return null;
    }

    private static byte[] Encode(ulong value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
        return [.. bytes];
    }

    private sealed record Field(ulong Number, int Type, byte[] Content, int LengthError = 0);
}
