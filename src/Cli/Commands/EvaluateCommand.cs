using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using RnnLm.Coordinator;
using RnnLm.Data;
using RnnLm.Worker;
using static RnnLm.Hosting.Values;

namespace RnnLm.Cli;

/// <summary><c>rnnlm evaluate</c>: loss, perplexities and bits per character of a trained model on a text.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        var run = StoredRun.Option();
        var best = StoredRun.BestOption();
        var corpus = new Setting<string[]>("--corpus", "FILE…", "Text files or patterns to evaluate on", FullPaths)
        {
            AllowMultipleArgumentsPerToken = true,
            Required = true,
        };
        var threads = new Setting<int>(
            "--threads", "N", "Threads", text => Whole(text, 1), $"{Environment.ProcessorCount}");
        var json = new Setting<bool>("--json", null, "Print a JSON object", Switch);
        var command = new Command("evaluate", "Loss per token, perplexity per token and per word, and bits " +
            "per character of a trained model on a text") { run, corpus, best, threads, json };
        command.SetAction(parsed =>
        {
            var stored = new StoredRun(parsed.GetRequiredValue(run));
            var settings = CorpusSource.SettingsOf(stored.Config.Job);
            string[] files = parsed.GetRequiredValue(corpus);
            using var text = new CorpusSource().Load("the text", files, settings, stored.Tokenizer);
            var result = TextEvaluation.Run(stored, parsed.GetValue(best), text, parsed.GetValue(threads));
            Console.Out.WriteLine(parsed.GetValue(json) ? Json(result) : Text(result));
            return 0;
        });
        return command;
    }

    private static string Text(EvaluationFigures result) => string.Create(
        CultureInfo.InvariantCulture,
        $"step {result.Step}: {result.Text.Tokens} tokens, {result.Text.Words} words, {result.Text.Characters} " +
        $"characters predicted\nloss per token      {result.MeanLoss:F4} nats\nperplexity          " +
        $"{Math.Exp(result.MeanLoss):F2}\nperplexity per word " +
        $"{result.Text.PerplexityPerWord(result.MeanLoss):F2}\nbits per character  " +
        $"{result.Text.BitsPerCharacter(result.MeanLoss):F4}");

    private static string Json(EvaluationFigures result)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("step", result.Step);
            json.WriteNumber("tokens", result.Text.Tokens);
            json.WriteNumber("words", result.Text.Words);
            json.WriteNumber("characters", result.Text.Characters);
            EventJson.WriteFinite(json, "loss", result.MeanLoss);
            EventJson.WriteFinite(json, "perplexity", Math.Exp(result.MeanLoss));
            EventJson.WriteFinite(json, "perplexity_per_word", result.Text.PerplexityPerWord(result.MeanLoss));
            EventJson.WriteFinite(json, "bits_per_character", result.Text.BitsPerCharacter(result.MeanLoss));
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}

/// <summary>The figures of a model on a text.</summary>
/// <param name="Step">Which version.</param>
/// <param name="Text">What was predicted.</param>
/// <param name="MeanLoss">Loss per token in nats.</param>
internal sealed record EvaluationFigures(long Step, PredictedText Text, double MeanLoss);

/// <summary>Evaluates a checkpoint of a run on a text.</summary>
internal static class TextEvaluation
{
    /// <summary>The figures; they do not depend on the number of threads.</summary>
    public static EvaluationFigures Run(StoredRun run, bool best, Corpus text, int threads)
    {
        var job = run.Config.Job;
        var layout = ParameterLayout.For(job.Model);
        var pieces = new ExamplePieces(CorpusExamples.ForEvaluation(text.Tokens, job.Plan), job.Plan);
        using var pool = new FloatBufferPool(layout.BufferLength);
        var state = run.Read(best, checkpoint => StoredState.Read(checkpoint, layout, job.Optimizer, pool));
        double loss;
        try
        {
            loss = job.Plan.IsStreams
                ? LossOfText(job.Model, state.Parameters, pieces)
                : LossOfPieces(job.Model, state.Parameters, pieces, threads);
        }
        finally
        {
            state.Release();
        }

        var predicted = PredictedText.Of(pieces, run.Tokenizer);
        return new EvaluationFigures(state.Version, predicted, loss / predicted.Tokens);
    }

    /// <summary>Of one text, through which the state is carried.</summary>
    private static double LossOfText(ModelSettings model, ParameterVersion parameters, ExamplePieces pieces)
    {
        using var computer = Cells.Of(model).CreateReplica(model, "cpu");
        double sum = 0;
        float[] state = [];
        foreach (var piece in pieces)
        {
            (double loss, state) = computer.ComputeLoss(parameters, piece, state);
            sum += loss;
        }

        return sum;
    }

    private static double LossOfPieces(
        ModelSettings model, ParameterVersion parameters, ExamplePieces pieces, int threads)
    {
        double[] losses = new double[pieces.Count];
        try
        {
            Parallel.For(
                0,
                pieces.Count,
                new ParallelOptions { MaxDegreeOfParallelism = threads },
                () => Cells.Of(model).CreateReplica(model, "cpu"),
                (index, _, computer) =>
                {
                    losses[index] = computer.ComputeLoss(parameters, pieces[index]);
                    return computer;
                },
                computer => computer.Dispose());
        }
        catch (AggregateException failures) when (failures.InnerException is RnnLmException failure)
        {
            throw new RnnLmException(failure.ExitCode, failure.Message, failures);
        }

        return losses.Sum();
    }
}
