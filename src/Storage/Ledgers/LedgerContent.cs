using System.Text.Json;

namespace RnnLm.Storage;

/// <summary>
/// What <c>ledger.json</c> says. The file is one JSON document with one entry a line, so that entries are appended by overwriting its last line alone:
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
    public LedgerChain ChainAt(int steps) => Entries.Take(steps).Aggregate(LedgerChain.Empty, (chain, entry) => chain.Then(entry));

    /// <summary>Reads a ledger; a missing one has no entries.</summary>
    /// <exception cref="RnnLmException">Exit code 6: the file cannot be read or is not a ledger.</exception>
    internal static LedgerContent Read(string path) => StorageFailure.Guard("read", path, () =>
    {
        if (!File.Exists(path))
        {
            return new LedgerContent([], LedgerChain.Empty, null);
        }

        using FileStream stream = File.OpenRead(path);
        var lines = new LineReader(stream, MaximumLineBytes);
        if (!lines.Read() || !lines.Line.SequenceEqual(System.Text.Encoding.ASCII.GetBytes(FirstLine)))
        {
            throw RnnLmException.Storage($"'{path}' is not a ledger of this program; restore it from a copy or start another run");
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
                return new LedgerContent(entries, chain, $"line {entries.Count + 2} is neither the entry of step {entries.Count} nor the end");
            }

            entries.Add(entry);
            chain = chain.Then(entry);
        }

        return new LedgerContent(entries, chain, $"it ends after step {entries.Count - 1} without its last line");
    });

    internal static string Line(LedgerEntry entry) =>
        $"{(entry.Step == 0 ? "" : ",")}[{entry.Step},\"{entry.TokenHash:x16}\",{entry.Tokens},{(entry.IsSkipped ? "true" : "false")}]\n";

    internal static byte[] LastLine(long steps, LedgerChain chain) => System.Text.Encoding.ASCII.GetBytes($"],\"steps\":{steps},\"chain\":\"{chain}\"}}");

    private static LedgerEntry? Parse(ReadOnlySpan<byte> line, long step)
    {
        try
        {
            if (step > 0)
            {
                if (line.IsEmpty || line[0] != ',')
                {
                    return null;
                }

                line = line[1..];
            }

            using JsonDocument document = JsonDocument.Parse(line.ToArray());
            JsonElement[] values = [.. document.RootElement.EnumerateArray()];
            var entry = new LedgerEntry(
                values[0].GetInt64(), Convert.ToUInt64(values[1].GetString(), 16), values[2].GetInt64(), values[3].GetBoolean());
            return entry.Step == step ? entry : null;
        }
        catch (Exception failure) when (
            failure is JsonException or InvalidOperationException or FormatException or OverflowException or IndexOutOfRangeException or ArgumentException)
        {
            return null;
        }
    }
}
