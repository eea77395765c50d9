using System.CommandLine;
using RnnLm.Coordinator;
using static RnnLm.Hosting.Values;

namespace RnnLm.Cli;

/// <summary><c>rnnlm generate</c>: text that a trained model continues a prompt with.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        var run = StoredRun.Option();
        var prompt = new Setting<string>("--prompt", "TEXT", "Beginning of the text", Text) { Required = true };
        var tokens = new Setting<int>("--tokens", "N", "Tokens to add", text => Whole(text, 1), "50");
        var temperature = new Setting<double>(
            "--temperature", "X",
            "Divides the logits: below 1 safer, above 1 wilder; 0 always takes the most likely token",
            text => Number(text, 0), "1");
        var topK = new Setting<int>(
            "--top-k", "K", "Draw among the K most likely tokens only; 0 for all", text => Whole(text, 0), "0");
        var seed = new Setting<long>(
            "--seed", "N", "The same seed gives the same text", text => Whole(text, long.MinValue), "1");
        var command = new Command(
            "generate", "Continue a prompt with a trained model") { run, prompt, tokens, temperature, topK, seed };
        command.SetAction(parsed =>
        {
            var stored = new StoredRun(parsed.GetRequiredValue(run));
            float[] parameters = stored.ReadNewest(
                checkpoint => StoredState.ReadParameters(checkpoint, stored.Config.Job.Model));
            using var continuation = new TextContinuation(stored.Config.Job, parameters, stored.Tokenizer);
            string text = parsed.GetRequiredValue(prompt);
            Console.Out.WriteLine(text + continuation.Sample(
                text,
                parsed.GetValue(tokens),
                parsed.GetValue(temperature),
                parsed.GetValue(topK),
                parsed.GetValue(seed)));
            return 0;
        });
        return command;
    }
}
