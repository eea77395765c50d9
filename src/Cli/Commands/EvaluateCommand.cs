using System.CommandLine;
using RnnLm.Coordinator;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RnnLm.Cli;

/// <summary><c>rnnlm evaluate</c>: loss, perplexity and bits per character of a trained model on a text.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        var run = RunOption.Create();
        var corpus = FilesOption.Create("--corpus", "Text files or globs to evaluate on", required: true);
        var threads = new Option<int>("--threads") { Description = "Threads", DefaultValueFactory = _ => Environment.ProcessorCount, HelpName = "N" };
        var json = new Option<bool>("--json") { Description = "Print a JSON object" };
        var command = new Command("evaluate", "Loss per token, perplexity and bits per character of a trained model on a text") { run, corpus, threads, json };
        command.SetAction(parsed =>
        {
            var stored = new StoredRun(parsed.GetRequiredValue(run));
            using var text = new CorpusSource().Load("the text", parsed.GetRequiredValue(corpus), stored.CorpusSettings, stored.Tokenizer);
            var result = TextEvaluation.Run(stored, text, RequireThreads(parsed.GetValue(threads)));
            Console.Out.WriteLine(parsed.GetValue(json) ? Json(result) : Text(result));
            return 0;
        });
        return command;
    }

    private static int RequireThreads(int threads) =>
        threads >= 1 ? threads : throw RnnLmException.Usage($"--threads {threads}: it must be 1 or more");

    private static string Text(EvaluationFigures result) => string.Create(
        CultureInfo.InvariantCulture,
        $"step {result.Step}: {result.TokenCount} tokens, {result.CharacterCount} characters predicted\nloss per token     {result.MeanLoss:F4} nats\nperplexity         {result.Perplexity:F2}\nbits per character {result.BitsPerCharacter:F4}");

    private static string Json(EvaluationFigures result)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("step", result.Step);
            json.WriteNumber("tokens", result.TokenCount);
            json.WriteNumber("characters", result.CharacterCount);
            EventJson.WriteFinite(json, "loss", result.MeanLoss);
            EventJson.WriteFinite(json, "perplexity", result.Perplexity);
            EventJson.WriteFinite(json, "bits_per_character", result.BitsPerCharacter);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
