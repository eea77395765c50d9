using System.CommandLine;
using System.Text;
using System.Text.Json;
using RnnLm.Coordinator;
using RnnLm.Worker;
using static RnnLm.Hosting.Values;

namespace RnnLm.Cli;

/// <summary><c>rnnlm generate</c>: text that a trained model continues prompts with.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        var run = StoredRun.Option();
        var best = StoredRun.BestOption();
        var prompt = new Setting<string[]>(
            "--prompt", "TEXT", "Beginning of a text; may be repeated, for a text each", Texts)
        {
            Required = true,
        };
        var tokens = new Setting<int>("--tokens", "N", "Most tokens to add", text => Whole(text, 1), "50");
        var temperature = new Setting<double>(
            "--temperature", "X",
            "Divides the logits: below 1 safer, above 1 wilder; 0 always takes the most likely token",
            text => Number(text, 0), "1");
        var topK = new Setting<int>(
            "--top-k", "K", "Draw among the K most likely tokens only; 0 for all", text => Whole(text, 0), "0");
        var topP = new Setting<double>(
            "--top-p", "P",
            "Draw among the fewest most likely tokens only whose probability reaches P, of those that --top-k " +
            "leaves; 1 for all",
            text => Positive(text, 1), "1");
        var seed = new Setting<long>(
            "--seed", "N", "The same seed gives the same text", text => Whole(text, long.MinValue), "1");
        var json = new Setting<bool>("--json", null, "Print a JSON object a prompt", Switch);
        var command = new Command("generate", "Continue prompts with a trained model")
        {
            run, prompt, best, tokens, temperature, topK, topP, seed, json,
        };
        command.SetAction(async (parsed, _) =>
        {
            var stored = new StoredRun(parsed.GetRequiredValue(run));
            float[] parameters = stored.Read(
                parsed.GetValue(best), checkpoint => StoredState.ReadParameters(checkpoint, stored.Config.Job.Model));
            using var continuation = new TextContinuation(stored.Config.Job, parameters, stored.Tokenizer);
            var sampler = new TokenSampler(
                parsed.GetValue(temperature), parsed.GetValue(topK), parsed.GetValue(seed), parsed.GetValue(topP));
            await PrintAsync(
                continuation,
                parsed.GetRequiredValue(prompt),
                parsed.GetValue(tokens),
                sampler,
                parsed.GetValue(json)).ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    /// <summary>Prints the texts in the order of the prompts: a single one as it is drawn, several when each is whole.
    /// </summary>
    private static async Task PrintAsync(
        TextContinuation continuation, string[] prompts, int tokens, TokenSampler sampler, bool json)
    {
        // All are looked at first, so that one that cannot be used leaves nothing half printed.
        int[][] beginnings = [.. prompts.Select(continuation.Encode)];
        if (prompts is [var only] && !json)
        {
            Console.Out.Write(only);
            continuation.Continue(beginnings[0], tokens, sampler, Console.Out.Write);
            Console.Out.WriteLine();
            return;
        }

        Task<(string Text, int Tokens)>[] texts =
            [.. beginnings.Select(ids => Task.Run(() => continuation.Continue(ids, tokens, sampler)))];
        try
        {
            foreach (var (prompt, task) in prompts.Zip(texts))
            {
                var (text, count) = await task.ConfigureAwait(false);
                Console.Out.WriteLine(json ? Json(prompt, text, count) : prompt + text);
            }
        }
        finally
        {
            // The model is theirs until they have ended.
            Task all = Task.WhenAll(texts);
            await all.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static string Json(string prompt, string text, int tokens)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("prompt", prompt);
            json.WriteString("text", text);
            json.WriteNumber("tokens", tokens);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
