using System.Buffers;
using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RnnLm.Cli;

/// <summary><c>rnnlm plan</c>: the exact token ids of steps, one object a shard.</summary>
internal static class PlanCommand
{
    public static Command Create()
    {
        var run = StoredRun.Option();
        var steps = new Setting<(long First, long End)>("--steps", "A..B", "Steps A to B - 1", ReadSteps)
        {
            Required = true,
        };
        var json = new Setting<bool>("--json", null, "One JSON object a shard instead of a summary", Values.Switch);
        var command = new Command("plan", "Show the exact token ids that steps of a run are computed from")
        {
            run, steps, json,
        };
        command.SetAction(parsed =>
        {
            var (first, end) = parsed.GetValue(steps);
            var stored = new StoredRun(parsed.GetRequiredValue(run));
            using var corpus = stored.LoadCorpus();
            var plan = stored.PlanOver(corpus);
            for (long step = first; step < end; step++)
            {
                var shards = plan.Step(step);
                for (int shard = 0; shard < shards.Count; shard++)
                {
                    Console.Out.WriteLine(Line(parsed.GetValue(json), step, shard, shards[shard]));
                }
            }

            return 0;
        });
        return command;
    }

    private static (long First, long End) ReadSteps(string text)
    {
        string[] parts = text.Split("..");
        return parts.Length == 2
            && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long first)
            && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long end)
            && first < end
            ? (first, end)
            : throw new FormatException("use A..B with A smaller than B, for steps A to B - 1");
    }

    private static string Line(bool json, long step, int shard, ShardTokens tokens)
    {
        if (!json)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"step {step} shard {shard}: {tokens.ExampleCount} examples, {tokens.TargetCount} predicted tokens, " +
                $"hash {tokens.Hash():x16}");
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteNumber("step", step);
            writer.WriteNumber("shard", shard);
            writer.WriteStartArray("examples");
            for (int example = 0; example < tokens.ExampleCount; example++)
            {
                var ids = tokens.Example(example);
                writer.WriteStartObject();
                WriteIds(writer, "input", ids[..^1]);
                WriteIds(writer, "target", ids[1..]);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void WriteIds(Utf8JsonWriter writer, string name, ReadOnlySpan<int> ids)
    {
        writer.WriteStartArray(name);
        foreach (int id in ids)
        {
            writer.WriteNumberValue(id);
        }

        writer.WriteEndArray();
    }
}
