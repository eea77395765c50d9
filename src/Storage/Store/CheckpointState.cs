using System.Buffers;
using System.Text.Json;

namespace RnnLm.Storage;

/// <summary>
/// Where training stood: the content of <c>state.json</c>. It holds nothing that differs between two executions of one job (no time, host, path or
/// incarnation), so that its bytes do not either.
/// </summary>
/// <param name="Step">The version: how many updates (or recorded skips) the parameters have seen.</param>
/// <param name="Epoch">Epoch of the next step, from 0.</param>
/// <param name="ExamplesSeen">Examples of all committed steps.</param>
/// <param name="Tokens">Predicted tokens of all committed steps.</param>
/// <param name="OptimizerStep">Updates the optimiser made; smaller than the step when steps were skipped.</param>
/// <param name="ValidationLoss">Mean loss in nats per token on the held-out text, where it was measured at this step; finite.</param>
/// <param name="JobHash">Hash of the job.</param>
/// <param name="Ledger">Chain hash over the ledger's first <paramref name="Step"/> entries.</param>
/// <param name="Extra">A JSON object of the caller's own.</param>
public sealed record CheckpointState(
    long Step,
    long Epoch,
    long ExamplesSeen,
    long Tokens,
    long OptimizerStep,
    double? ValidationLoss,
    string JobHash,
    LedgerChain Ledger,
    JsonElement Extra)
{
    internal const int MaximumBytes = 16 << 20;

    private const int Format = 1;
    private const int HashDigits = 64;
    private static readonly JsonElement NoExtra = JsonSerializer.SerializeToElement(new { });

    /// <summary>A state without extra object.</summary>
    public CheckpointState(
        long step, long epoch, long examplesSeen, long tokens, long optimizerStep, double? validationLoss, string jobHash, LedgerChain ledger)
        : this(step, epoch, examplesSeen, tokens, optimizerStep, validationLoss, jobHash, ledger, NoExtra)
    {
    }

    internal ReadOnlySpan<byte> ToBytes()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteNumber("format", Format);
            json.WriteNumber("step", Step);
            json.WriteNumber("epoch", Epoch);
            json.WriteNumber("examples_seen", ExamplesSeen);
            json.WriteNumber("tokens", Tokens);
            json.WriteNumber("optimizer_step", OptimizerStep);
            json.WritePropertyName("validation_loss");
            if (ValidationLoss is { } loss)
            {
                json.WriteNumberValue(loss);
            }
            else
            {
                json.WriteNullValue();
            }

            json.WriteString("job", JobHash);
            json.WriteString("ledger", Ledger.ToString());
            json.WritePropertyName("extra");
            Extra.WriteTo(json);
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan;
    }

    /// <exception cref="FormatException">The bytes are not a state; the message says why.</exception>
    internal static CheckpointState Parse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            JsonElement root = document.RootElement;
            int format = root.GetProperty("format").GetInt32();
            if (format != Format)
            {
                throw new FormatException($"its format is {format}, this program reads format {Format}");
            }

            JsonElement loss = root.GetProperty("validation_loss");
            var state = new CheckpointState(
                root.GetProperty("step").GetInt64(),
                root.GetProperty("epoch").GetInt64(),
                root.GetProperty("examples_seen").GetInt64(),
                root.GetProperty("tokens").GetInt64(),
                root.GetProperty("optimizer_step").GetInt64(),
                loss.ValueKind == JsonValueKind.Null ? null : loss.GetDouble(),
                root.GetProperty("job").GetString() ?? "",
                LedgerChain.Parse(root.GetProperty("ledger").GetString() ?? ""),
                root.GetProperty("extra").Clone());
            return state.Step >= 0 && state.JobHash.Length == HashDigits && state.JobHash.All(char.IsAsciiHexDigitLower)
                ? state
                : throw new FormatException("its step or its job's hash cannot be");
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new FormatException(failure.Message.ReplaceLineEndings(" ").TrimEnd('.'), failure);
        }
    }
}
