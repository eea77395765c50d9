using System.Buffers;
using System.Text.Json;

namespace RnnLm.Storage;

/// <summary>What the file <c>lease</c> says: <c>{"incarnation":1,"process_id":2,"host":"name","nonce":"hex"}</c>.</summary>
internal sealed record LeaseRecord(long Incarnation, LeaseHolder Holder)
{
    private const int MaximumBytes = 4096;

    public override string ToString() => $"process {Holder.ProcessId} on host {Holder.Host} (incarnation {Incarnation})";

    /// <summary>Reads the record; null when there is no such file.</summary>
    /// <exception cref="RnnLmException">Exit code 6: the file is damaged.</exception>
    public static LeaseRecord? Read(string path)
    {
        byte[] bytes;
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            bytes = new byte[Math.Min(MaximumBytes, stream.Length)];
            stream.ReadExactly(bytes);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            JsonElement root = document.RootElement;
            long incarnation = root.GetProperty("incarnation").GetInt64();
            if (incarnation is < 1 or long.MaxValue)
            {
                throw new FormatException("incarnation out of range");
            }

            return new LeaseRecord(incarnation, new LeaseHolder(root.GetProperty("process_id").GetInt32(), Text(root, "host"), Text(root, "nonce")));
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw RnnLmException.Storage(
                $"'{path}' is damaged: it does not hold a lease; make sure that no coordinator uses the run, then delete the file", failure);
        }
    }

    public ReadOnlySpan<byte> ToBytes()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("incarnation", Incarnation);
            json.WriteNumber("process_id", Holder.ProcessId);
            json.WriteString("host", Holder.Host);
            json.WriteString("nonce", Holder.Nonce);
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan;
    }

    // Shown in messages of one line.
    private static string Text(JsonElement root, string name) => (root.GetProperty(name).GetString() ?? "").ReplaceLineEndings(" ");
}
