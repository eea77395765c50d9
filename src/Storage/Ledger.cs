using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RnnLm.Storage;

/// <summary>
/// What <c>ledger.json</c> says. The file is one JSON document with one entry a line, so that entries are appended by
/// overwriting its last line alone:
/// <code>
/// {"format":"rnnlm-ledger-1","entries":[
/// [0,"0123456789abcdef",3712,false]
/// ,[1,"fedcba9876543210",3712,false]
/// ],"steps":2,"chain":"64 hexadecimal digits"}
/// </code>
/// An entry is step, token hash, predicted tokens, skipped.
/// </summary>
/// <param name="Entries">Entries of steps 0, 1, 2 … up to the first line that is not as it was written.</param>
/// <param name="Chain">Chain hash over <paramref name="Entries"/>.</param>
/// <param name="Damage">What is wrong with the file, e.g. a torn last line after a crash; null when nothing is.</param>
public sealed record LedgerContent(IReadOnlyList<LedgerEntry> Entries, LedgerChain Chain, string? Damage)
{
    internal const string FirstLine = """{"format":"rnnlm-ledger-1","entries":[""";

    private const int MaximumLineBytes = 256;

    /// <summary>Chain hash over the first <paramref name="steps"/> entries.</summary>
    public LedgerChain ChainAt(int steps) =>
        Entries.Take(steps).Aggregate(LedgerChain.Empty, (chain, entry) => chain.Then(entry));

    /// <summary>Reads a ledger; a missing one has no entries.</summary>
    /// <exception cref="RnnLmException">Exit code 6: the file cannot be read or is not a ledger.</exception>
    internal static LedgerContent Read(IncarnationFile file) =>
        StorageFailure.Guard("read", file.PlainPath, () =>
        {
            using Stream? stream = file.OpenRead();
            return stream is null
                ? new LedgerContent([], LedgerChain.Empty, null)
                : Parse(stream, file.PathInForce);
        });

    internal static string Line(LedgerEntry entry) =>
        (entry.Step == 0 ? "" : ",") +
        $"[{entry.Step},\"{entry.TokenHash:x16}\",{entry.Tokens},{(entry.IsSkipped ? "true" : "false")}]\n";

    internal static byte[] LastLine(long steps, LedgerChain chain) =>
        Encoding.ASCII.GetBytes($"],\"steps\":{steps},\"chain\":\"{chain}\"}}");

    private static LedgerContent Parse(Stream stream, string path)
    {
        var lines = new LineReader(stream, MaximumLineBytes);
        if (!lines.Read() || !lines.Line.SequenceEqual(Encoding.ASCII.GetBytes(FirstLine)))
        {
            throw RnnLmException.Storage(
                $"'{path}' is not a ledger of this program; restore it from a copy or start another run");
        }

        var entries = new List<LedgerEntry>();
        LedgerChain chain = LedgerChain.Empty;
        while (lines.Read())
        {
            if (lines.Line.StartsWith((byte)']') && lines.Line.SequenceEqual(LastLine(entries.Count, chain)))
            {
                return new LedgerContent(entries, chain, lines.Read() ? "it goes on after its end" : null);
            }

            if (Parse(lines.Line, entries.Count) is not { } entry)
            {
                string damage = $"line {entries.Count + 2} is neither the entry of step {entries.Count} nor the end";
                return new LedgerContent(entries, chain, damage);
            }

            entries.Add(entry);
            chain = chain.Then(entry);
        }

        return new LedgerContent(entries, chain, $"it ends after step {entries.Count - 1} without its last line");
    }

    /// <summary>The entry of a line that is exactly what <see cref="Line"/> writes for this step; null of any
    /// other.</summary>
    private static LedgerEntry? Parse(ReadOnlySpan<byte> line, long step)
    {
        string text = Encoding.ASCII.GetString(line);
        string[] fields = text.TrimStart(',').Trim('[', ']').Split(',');
        return fields.Length == 4
            && ulong.TryParse(
                fields[1].Trim('"'), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong hash)
            && long.TryParse(fields[2], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long tokens)
            && new LedgerEntry(step, hash, tokens, fields[3] == "true") is var entry && Line(entry) == $"{text}\n"
                ? entry
                : null;
    }
}

/// <summary>What one committed step was computed from.</summary>
/// <param name="Step">The step, from 0.</param>
/// <param name="TokenHash">The hashes that the workers returned, folded in shard order
/// (<see cref="TokenHash"/>).</param>
/// <param name="Tokens">Predicted tokens of the step.</param>
/// <param name="IsSkipped">Whether the step was recorded without an update, because its loss or gradient was not
/// finite.</param>
public readonly record struct LedgerEntry(long Step, ulong TokenHash, long Tokens, bool IsSkipped);

/// <summary>
/// One value for a whole lineage: chain(0) is 32 zero bytes, chain(n+1) is the SHA-256 over chain(n) and entry n
/// (little-endian: step int64, token hash uint64, token count int64, skipped byte). Two runs with equal chains have
/// committed the same examples in the same steps.
/// </summary>
/// <param name="High">First 16 bytes, big-endian.</param>
/// <param name="Low">Last 16 bytes, big-endian.</param>
[JsonConverter(typeof(LedgerChainJson))]
public readonly record struct LedgerChain(UInt128 High, UInt128 Low)
{
    private const int Bytes = 32;
    private const int HalfBytes = 16;
    private const int EntryBytes = 25;

    /// <summary>The chain of a ledger without entries.</summary>
    public static LedgerChain Empty => default;

    /// <summary>The chain with one more entry.</summary>
    public LedgerChain Then(LedgerEntry entry)
    {
        Span<byte> bytes = stackalloc byte[Bytes + EntryBytes];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, High);
        BinaryPrimitives.WriteUInt128BigEndian(bytes[HalfBytes..], Low);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[Bytes..], entry.Step);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[(Bytes + 8)..], entry.TokenHash);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[(Bytes + 16)..], entry.Tokens);
        bytes[^1] = entry.IsSkipped ? (byte)1 : (byte)0;
        Span<byte> digest = stackalloc byte[Bytes];
        SHA256.HashData(bytes, digest);
        return From(digest);
    }

    /// <summary>64 hexadecimal digits, lower case.</summary>
    public override string ToString() => $"{High:x32}{Low:x32}";

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    /// <exception cref="FormatException">The text is not 64 hexadecimal digits.</exception>
    public static LedgerChain Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length == 2 * Bytes
            ? From(Convert.FromHexString(text))
            : throw new FormatException("a ledger chain has 64 hexadecimal digits");
    }

    private static LedgerChain From(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt128BigEndian(bytes), BinaryPrimitives.ReadUInt128BigEndian(bytes[HalfBytes..]));
}

/// <summary>A chain is its digits.</summary>
internal sealed class LedgerChainJson : JsonConverter<LedgerChain>
{
    public override LedgerChain Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        try
        {
            return LedgerChain.Parse(reader.GetString() ?? string.Empty);
        }
        catch (Exception failure) when (failure is FormatException or InvalidOperationException)
        {
            throw new JsonException($"a ledger chain: {failure.Message}", failure);
        }
    }

    public override void Write(Utf8JsonWriter writer, LedgerChain value, JsonSerializerOptions options) =>
        writer.WriteStringValue($"{value}");
}
