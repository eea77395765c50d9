using RnnLm.Coordinator;
using RnnLm.Data;
using RnnLm.Worker;

namespace RnnLm.Cli;

/// <summary>The figures of a model on a text.</summary>
/// <param name="Step">Which version.</param>
/// <param name="TokenCount">Predicted tokens.</param>
/// <param name="CharacterCount">Characters (Unicode scalar values) of the predicted tokens' text.</param>
/// <param name="MeanLoss">Loss per token in nats.</param>
internal sealed record EvaluationFigures(long Step, long TokenCount, long CharacterCount, double MeanLoss)
{
    /// <summary>e to the loss.</summary>
    public double Perplexity => Math.Exp(MeanLoss);

    /// <summary>Comparable between tokenisers: the text's information under the model, shared out over its characters.</summary>
    public double BitsPerCharacter => MeanLoss * TokenCount / Math.Log(2) / CharacterCount;
}

/// <summary>Evaluates the newest checkpoint of a run on a text.</summary>
internal static class TextEvaluation
{
    /// <summary>The figures; they do not depend on the number of threads.</summary>
    public static EvaluationFigures Run(StoredRun run, Corpus text, int threads)
    {
        var job = run.Config.Job;
        var layout = ParameterLayout.For(job.Model);
        var checkpoint = run.Newest();
        var pieces = new ExamplePieces(CorpusExamples.ForEvaluation(text.Tokens, job.Plan));
        using var pool = new FloatBufferPool(layout.Length);
        var state = StoredState.Read(checkpoint, layout, pool);
        var figures = new (double Loss, long Tokens, long Characters)[pieces.Count];
        try
        {
            Parallel.For(
                0,
                pieces.Count,
                new ParallelOptions { MaxDegreeOfParallelism = threads },
                () => new FusedReplica(job.Model),
                (index, _, computer) =>
                {
                    var piece = pieces[index];
                    figures[index] = (computer.ComputeLoss(state.Parameters, piece), piece.TargetCount, CountCharacters(run.Tokenizer, piece));
                    return computer;
                },
                computer => computer.Dispose());
        }
        catch (AggregateException failures) when (failures.InnerException is RnnLmException failure)
        {
            throw new RnnLmException(failure.ExitCode, failure.Message, failures);
        }

        state.Release();
        long tokens = figures.Sum(piece => piece.Tokens);
        return new EvaluationFigures(checkpoint.State.Step, tokens, figures.Sum(piece => piece.Characters), figures.Sum(piece => piece.Loss) / tokens);
    }

    private static long CountCharacters(ITokenizer tokenizer, ShardTokens piece)
    {
        long count = 0;
        for (int example = 0; example < piece.ExampleCount; example++)
        {
            count += tokenizer.CountPredictedCharacters(piece.Example(example));
        }

        return count;
    }
}
