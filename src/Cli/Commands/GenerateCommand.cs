using System.CommandLine;
using System.Globalization;

namespace RnnLm.Cli;

/// <summary><c>rnnlm generate</c>: text that a trained model continues a prompt with.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        var run = RunOption.Create();
        var prompt = new Option<string>("--prompt") { Description = "Beginning of the text", Required = true, HelpName = "TEXT" };
        var tokens = new Option<int>("--tokens") { Description = "Tokens to add", DefaultValueFactory = _ => 50, HelpName = "N" };
        var temperature = new Option<double>("--temperature")
        {
            Description = "Divides the logits: below 1 safer, above 1 wilder; 0 always takes the most likely token",
            DefaultValueFactory = _ => 1,
            HelpName = "X",
        };
        var topK = new Option<int>("--top-k") { Description = "Draw among the K most likely tokens only; 0 for all", DefaultValueFactory = _ => 0, HelpName = "K" };
        var seed = new Option<long>("--seed") { Description = "The same seed gives the same text", DefaultValueFactory = _ => 1, HelpName = "N" };
        var command = new Command("generate", "Continue a prompt with a trained model") { run, prompt, tokens, temperature, topK, seed };
        command.SetAction(parsed =>
        {
            int count = parsed.GetValue(tokens);
            double heat = parsed.GetValue(temperature);
            int kept = parsed.GetValue(topK);
            if (count < 1 || kept < 0 || !double.IsFinite(heat) || heat < 0)
            {
                throw RnnLmException.Usage(string.Create(
                    CultureInfo.InvariantCulture,
                    $"--tokens {count}, --temperature {heat}, --top-k {kept}: --tokens must be 1 or more, --temperature and --top-k 0 or more"));
            }

            var stored = new StoredRun(parsed.GetRequiredValue(run));
            using var continuation = new TextContinuation(
                stored.Config.Job, StoredState.ReadParameters(stored.Newest(), stored.Config.Job.Model), stored.Tokenizer);
            string text = parsed.GetRequiredValue(prompt);
            Console.Out.WriteLine(text + continuation.Sample(text, count, heat, kept, parsed.GetValue(seed)));
            return 0;
        });
        return command;
    }
}
