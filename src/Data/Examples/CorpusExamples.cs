using System.Globalization;

namespace RnnLm.Data;

/// <summary>
/// The examples of a token file. Sentences: the first Context tokens of each (row A10 of the reference material). Windows: example i is tokens
/// [i·T, i·T + T], T = Context, so neighbours share a token, and the last one may be shorter; where one neighbour is held out and the other is not, the first
/// goes without the shared token: no held-out token is ever seen in training.
/// </summary>
public sealed class CorpusExamples
{
    // Held-out windows are kept together in stretches of text of at most this many, in at least about this many stretches of the corpus.
    private const int MostWindowsInBlock = 64;
    private const int BlocksOfCorpus = 256;

    private const int FewestTokens = 2;

    private readonly TokenFile _tokens;
    private readonly int _context;
    private readonly HeldOutSplit _split;

    private CorpusExamples(TokenFile tokens, int context, HeldOutSplit split)
    {
        (_tokens, _context, _split) = (tokens, context, split);
        Training = new ExampleSet(tokens, split.TrainingCount, index => Locate(split.Training(index)));
        HeldOut = new ExampleSet(tokens, split.HeldOutCount, index => Locate(split.HeldOut(index)));
    }

    /// <summary>Examples to train on.</summary>
    public ExampleSet Training { get; }

    /// <summary>Examples held out for validation; none when HeldOutPerMille is 0 or the corpus has a single example.</summary>
    public ExampleSet HeldOut { get; }

    /// <summary>The examples of a corpus that is trained on.</summary>
    /// <exception cref="RnnLmException">Usage: a setting out of range. Bad input: the corpus is shorter than one example.</exception>
    public static CorpusExamples ForTraining(TokenFile tokens, PlanSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(settings);
        RequireSettings(tokens, settings);
        if (settings.Mode == ExampleMode.Windows && tokens.TokenCount < (long)settings.Context + 1)
        {
            throw RnnLmException.BadInput(string.Create(
                CultureInfo.InvariantCulture,
                $"the corpus has {tokens.TokenCount} tokens, too few for one example: --context {settings.Context} needs {settings.Context + 1L}; use more text or a smaller --context"));
        }

        return Of(tokens, settings);
    }

    /// <summary>All examples of a corpus that is evaluated, in order: the settings' split does not apply to it.</summary>
    /// <exception cref="RnnLmException">Usage: a setting out of range. Bad input: the corpus has no two tokens in a row.</exception>
    public static ExampleSet ForEvaluation(TokenFile tokens, PlanSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(settings);
        PlanSettings whole = settings with { HeldOutPerMille = 0 };
        RequireSettings(tokens, whole);
        CorpusExamples examples = Of(tokens, whole);
        return new ExampleSet(tokens, examples._split.ExampleCount, examples.Locate);
    }

    private static CorpusExamples Of(TokenFile tokens, PlanSettings settings)
    {
        bool windows = settings.Mode == ExampleMode.Windows;
        long count = windows ? Math.Max(tokens.TokenCount - 1 + settings.Context - 1, 0) / settings.Context : tokens.SentenceCount;
        if (count == 0)
        {
            throw RnnLmException.BadInput(string.Create(
                CultureInfo.InvariantCulture,
                $"the corpus has no {(windows ? "text" : "line")} of at least {FewestTokens} tokens, so there is nothing to predict; give more text"));
        }

        int blockSize = windows ? (int)Math.Clamp(count / BlocksOfCorpus, 1, MostWindowsInBlock) : 1;
        return new CorpusExamples(tokens, settings.Context, new HeldOutSplit(count, blockSize, settings.HeldOutPerMille, settings.Seed));
    }

    private static void RequireSettings(TokenFile tokens, PlanSettings settings)
    {
        if (settings.Mode != tokens.Mode)
        {
            throw new ArgumentException($"The token file was made for {tokens.Mode}, the plan is for {settings.Mode}.", nameof(settings));
        }

        if (settings.Context < FewestTokens)
        {
            throw RnnLmException.Usage($"--context {settings.Context}: must be at least {FewestTokens}");
        }

        if (settings.HeldOutPerMille is < 0 or >= 1000)
        {
            throw RnnLmException.Usage($"{settings.HeldOutPerMille} thousandths of the text held out: must be from 0 to 999");
        }
    }

    private (long Start, int Length) Locate(long example)
    {
        if (_tokens.Mode == ExampleMode.Sentences)
        {
            (long start, long length) = _tokens.Sentence(example);
            return (start, (int)Math.Min(length, _context));
        }

        long first = example * _context;
        int tokens = (int)Math.Min(_context + 1L, _tokens.TokenCount - first);
        bool hasNext = example + 1 < _split.ExampleCount;
        return hasNext && _split.IsHeldOut(example) != _split.IsHeldOut(example + 1) ? (first, _context) : (first, tokens);
    }
}
