using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using RnnLm.Coordinator;
using static RnnLm.Cli.Values;

namespace RnnLm.Cli;

/// <summary><c>rnnlm evaluate</c>: loss, perplexity and bits per character of a trained model on a text.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        var run = StoredRun.Option();
        var corpus = new Setting<string[]>("--corpus", "FILE…", "Text files or patterns to evaluate on", FullPaths)
        {
            AllowMultipleArgumentsPerToken = true,
            Required = true,
        };
        var threads = new Setting<int>("--threads", "N", "Threads", text => Whole(text, 1), $"{Environment.ProcessorCount}");
        var json = new Setting<bool>("--json", null, "Print a JSON object", Switch);
        var command = new Command("evaluate", "Loss per token, perplexity and bits per character of a trained model on a text") { run, corpus, threads, json };
        command.SetAction(parsed =>
        {
            var stored = new StoredRun(parsed.GetRequiredValue(run));
            using var text = new CorpusSource().Load("the text", parsed.GetRequiredValue(corpus), CorpusSource.SettingsOf(stored.Config.Job), stored.Tokenizer);
            var result = TextEvaluation.Run(stored, text, parsed.GetValue(threads));
            Console.Out.WriteLine(parsed.GetValue(json) ? Json(result) : Text(result));
            return 0;
        });
        return command;
    }

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
