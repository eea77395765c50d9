using System.Collections;
using System.Numerics;

namespace RnnLm.Data;

/// <summary>
/// The pure function step → the examples of that step, shard by shard: which tokens step v has. It has no state: any
/// step can be asked for at any time, by any thread. In each epoch every training example comes once, in an order of
/// that epoch's own; an epoch's last step may have fewer examples. Streams go on from step to step instead, row by row.
/// </summary>
public sealed class Plan : IStepPlan
{
    private readonly ExampleSet _examples;
    private readonly PlanSettings _settings;

    /// <summary>The plan over training examples.</summary>
    /// <exception cref="RnnLmException">Usage: batch size below 1, or shards not a power of two.</exception>
    public Plan(ExampleSet examples, PlanSettings settings)
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.BatchSize < 1)
        {
            throw RnnLmException.Usage($"--batch {settings.BatchSize}: must be at least 1");
        }

        if (settings.Shards < 1 || !BitOperations.IsPow2(settings.Shards))
        {
            uint next = BitOperations.RoundUpToPowerOf2((uint)Math.Max(settings.Shards, 1));
            throw RnnLmException.Usage($"--shards {settings.Shards}: must be a power of two, e.g. {next}");
        }

        // The examples of streams are a whole number of batches.
        (_examples, _settings) = (examples, settings);
        StepsPerEpoch = ((examples.Count - 1) / settings.BatchSize) + 1;
    }

    /// <summary>Training examples.</summary>
    public long ExamplesPerEpoch => _examples.Count;

    /// <summary>Steps in which each of them comes once.</summary>
    public long StepsPerEpoch { get; }

    /// <summary>S, shards of a step.</summary>
    public int Shards => _settings.Shards;

    /// <summary>The epoch, from 0, that a step belongs to.</summary>
    public long EpochOf(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return step / StepsPerEpoch;
    }

    /// <summary>Number of examples of a step.</summary>
    public int BatchSizeOf(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return (int)Math.Min(_settings.BatchSize, ExamplesPerEpoch - (step % StepsPerEpoch * _settings.BatchSize));
    }

    /// <summary>
    /// The S shards of a step with B examples; shard s has those from s·B/S to (s+1)·B/S, so sizes differ by one at
    /// most and some may be empty.
    /// </summary>
    public IReadOnlyList<ShardTokens> Step(long step)
    {
        long[] indices = Indices(step);
        var shards = new ShardTokens[Shards];
        for (int shard = 0; shard < shards.Length; shard++)
        {
            int first = (int)((long)shard * indices.Length / Shards);
            int end = (int)((shard + 1L) * indices.Length / Shards);
            shards[shard] = _examples.Pack(indices.AsSpan(first, end - first)) with { FirstExample = first };
        }

        return shards;
    }

    /// <summary>Numbers, in the training set, of the examples of a step.</summary>
    public long[] Indices(long step)
    {
        ulong epoch = (ulong)EpochOf(step);
        if (_settings.IsStreams)
        {
            return [.. Enumerable.Range(0, _settings.BatchSize).Select(
                row => (row * StepsPerEpoch) + (step % StepsPerEpoch))];
        }

        var order = new CounterPermutation(_settings.Seed, RandomPurpose.EpochShuffle, epoch, ExamplesPerEpoch);
        long first = step % StepsPerEpoch * _settings.BatchSize;
        long[] indices = new long[BatchSizeOf(step)];
        for (int i = 0; i < indices.Length; i++)
        {
            indices[i] = order[first + i];
        }

        return indices;
    }
}

/// <summary>
/// The examples of a token file. Sentences: the first Context tokens of each. Windows: example i is tokens [i·T, i·T +
/// T], T = Context, so neighbors share a token, and the last one may be shorter; where one neighbor is held out and the
/// other is not, the first goes without the shared token: no held-out token is ever seen in training. Streams: the text
/// is cut into as many rows as the batch has, equally long, and each row into steps; example (row, step) has number
/// row · steps + step, and what is held out is the end of the text.
/// </summary>
public sealed class CorpusExamples
{
    // Held-out windows are kept together in stretches of text of at most this many, in at least about this many
    // stretches of the corpus.
    private const int MostWindowsInBlock = 64;
    private const int BlocksOfCorpus = 256;

    private const int FewestTokens = 2;

    /// <summary>Inputs of a piece of a text that is evaluated from its beginning to its end.</summary>
    private const int PieceInputs = 1024;

    private CorpusExamples(ExampleSet training, ExampleSet heldOut) => (Training, HeldOut) = (training, heldOut);

    /// <summary>Examples to train on.</summary>
    public ExampleSet Training { get; }

    /// <summary>Examples held out for validation; none when HeldOutPerMille is 0 or there is one example.</summary>
    public ExampleSet HeldOut { get; }

    /// <summary>The examples of a corpus that is trained on.</summary>
    /// <exception cref="RnnLmException">Usage: a setting out of range. Bad input: too little text.</exception>
    public static CorpusExamples ForTraining(TokenFile tokens, PlanSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(settings);
        RequireSettings(tokens, settings);
        if (settings.IsStreams)
        {
            return Streams(tokens, settings);
        }

        if (settings.Mode == ExampleMode.Windows && tokens.TokenCount <= settings.Context)
        {
            throw RnnLmException.BadInput(
                $"the corpus has {tokens.TokenCount} tokens, too few for one example: "
                + $"--context {settings.Context} needs {settings.Context + 1L}; use more text or a smaller --context");
        }

        var split = SplitOf(tokens, settings);
        (long, int) Locate(long example) => CorpusExamples.Locate(tokens, settings.Context, split, example);
        return new CorpusExamples(
            new ExampleSet(tokens, split.TrainingCount, index => Locate(split.Training(index))),
            new ExampleSet(tokens, split.HeldOutCount, index => Locate(split.HeldOut(index))));
    }

    /// <summary>All examples of a corpus that is evaluated, in order: the split does not apply to it.</summary>
    /// <exception cref="RnnLmException">Usage: a setting out of range. Bad input: too little text.</exception>
    public static ExampleSet ForEvaluation(TokenFile tokens, PlanSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(settings);
        PlanSettings whole = settings with { HeldOutPerMille = 0 };
        RequireSettings(tokens, whole);
        if (settings.IsStreams)
        {
            return tokens.TokenCount >= FewestTokens
                ? OneText(tokens, 0)
                : throw RnnLmException.BadInput(
                    $"the text has {tokens.TokenCount} tokens, so there is nothing to predict; give more text");
        }

        var split = SplitOf(tokens, whole);
        return new ExampleSet(
            tokens, split.ExampleCount, example => Locate(tokens, settings.Context, split, example));
    }

    private static CorpusExamples Streams(TokenFile tokens, PlanSettings settings)
    {
        long heldOut = (long)((Int128)tokens.TokenCount * settings.HeldOutPerMille / 1000);
        long end = tokens.TokenCount - heldOut;
        long rowInputs = (end - 1) / settings.BatchSize;
        if (rowInputs < 1)
        {
            throw RnnLmException.BadInput(
                $"the corpus has {end} tokens to train on, too few for {settings.BatchSize} streams; use more text " +
                "or a smaller --batch");
        }

        long steps = ((rowInputs - 1) / settings.Bptt) + 1;
        var training = new ExampleSet(tokens, settings.BatchSize * steps, example =>
        {
            (long row, long step) = Math.DivRem(example, steps);
            long first = step * settings.Bptt;
            return ((row * rowInputs) + first, (int)Math.Min(settings.Bptt, rowInputs - first) + 1);
        });
        return new CorpusExamples(training, OneText(tokens, heldOut < FewestTokens ? tokens.TokenCount : end));
    }

    /// <summary>The text from a token on, piece after piece; neighbors share a token.</summary>
    private static ExampleSet OneText(TokenFile tokens, long start)
    {
        long inputs = Math.Max(tokens.TokenCount - start - 1, 0);
        return new ExampleSet(tokens, (inputs + PieceInputs - 1) / PieceInputs, piece =>
        {
            long first = piece * PieceInputs;
            return (start + first, (int)Math.Min(PieceInputs, inputs - first) + 1);
        });
    }

    private static HeldOutSplit SplitOf(TokenFile tokens, PlanSettings settings)
    {
        bool windows = settings.Mode == ExampleMode.Windows;
        long count = windows
            ? Math.Max(tokens.TokenCount - 1 + settings.Context - 1, 0) / settings.Context
            : tokens.SentenceCount;
        if (count == 0)
        {
            throw RnnLmException.BadInput(
                $"the corpus has no {(windows ? "text" : "line")} of at least {FewestTokens} tokens, "
                + "so there is nothing to predict; give more text");
        }

        int blockSize = windows ? (int)Math.Clamp(count / BlocksOfCorpus, 1, MostWindowsInBlock) : 1;
        return new HeldOutSplit(count, blockSize, settings.HeldOutPerMille, settings.Seed);
    }

    private static void RequireSettings(TokenFile tokens, PlanSettings settings)
    {
        if (settings.Mode != tokens.Mode)
        {
            throw new ArgumentException($"The tokens are {tokens.Mode}, the plan {settings.Mode}.", nameof(settings));
        }

        if (settings.IsStreams && settings.Mode != ExampleMode.Windows)
        {
            throw RnnLmException.Usage(
                $"--bptt {settings.Bptt}: streams are cut from contiguous text; add --examples windows");
        }

        if (settings.Context < FewestTokens)
        {
            throw RnnLmException.Usage($"--context {settings.Context}: must be at least {FewestTokens}");
        }

        if (settings.HeldOutPerMille is < 0 or >= 1000)
        {
            throw RnnLmException.Usage(
                $"{settings.HeldOutPerMille} thousandths of the text held out: must be from 0 to 999");
        }
    }

    private static (long Start, int Length) Locate(TokenFile tokens, int context, HeldOutSplit split, long example)
    {
        if (tokens.Mode == ExampleMode.Sentences)
        {
            (long start, long length) = tokens.Sentence(example);
            return (start, (int)Math.Min(length, context));
        }

        long first = example * context;
        int count = (int)Math.Min(context + 1L, tokens.TokenCount - first);
        bool isLast = example + 1 >= split.ExampleCount;
        bool sharesNone = !isLast && split.IsHeldOut(example) != split.IsHeldOut(example + 1);
        return (first, sharesNone ? context : count);
    }
}

/// <summary>Numbered examples of a token file; none is held in memory. Any number of threads may read it.</summary>
public sealed class ExampleSet
{
    private readonly TokenFile _tokens;
    private readonly Func<long, (long Start, int Length)> _locate;

    internal ExampleSet(TokenFile tokens, long count, Func<long, (long Start, int Length)> locate) =>
        (_tokens, Count, _locate) = (tokens, count, locate);

    /// <summary>Number of examples.</summary>
    public long Count { get; }

    /// <summary>The examples with these numbers, in this order.</summary>
    public ShardTokens Pack(ReadOnlySpan<long> indices)
    {
        if (indices.IsEmpty)
        {
            return ShardTokens.Empty;
        }

        long[] places = new long[indices.Length];
        int[] starts = new int[indices.Length + 1];
        for (int i = 0; i < indices.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(indices[i]);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(indices[i], Count);
            (places[i], int length) = _locate(indices[i]);
            starts[i + 1] = checked(starts[i] + length);
        }

        int[] ids = new int[starts[^1]];
        for (int i = 0; i < places.Length; i++)
        {
            _tokens.Read(places[i], ids.AsSpan(starts[i]..starts[i + 1]));
        }

        return new ShardTokens(ids, starts);
    }
}

/// <summary>
/// All examples of a set in order, as pieces of bounded size that are read when they are asked for. Any number of
/// threads may read it.
/// </summary>
/// <param name="examples">The examples.</param>
/// <param name="examplesPerPiece">Most examples of a piece.</param>
public sealed class ExamplePieces(ExampleSet examples, int examplesPerPiece = ExamplePieces.UsualSize)
    : IReadOnlyList<ShardTokens>
{
    /// <summary>The pieces of a text that is evaluated: of streams, each goes on where the one before ended.</summary>
    public ExamplePieces(ExampleSet examples, PlanSettings settings)
        : this(examples, settings.IsStreams ? 1 : UsualSize)
    {
    }

    /// <summary>Enough examples for full matrix products, few enough to share out among workers.</summary>
    public const int UsualSize = 32;

    /// <inheritdoc/>
    public int Count { get; } = checked((int)((examples.Count + examplesPerPiece - 1) / examplesPerPiece));

    /// <inheritdoc/>
    public ShardTokens this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            long first = (long)index * examplesPerPiece;
            int length = (int)Math.Min(examplesPerPiece, examples.Count - first);
            return examples.Pack([.. Enumerable.Range(0, length).Select(i => first + i)]);
        }
    }

    /// <inheritdoc/>
    public IEnumerator<ShardTokens> GetEnumerator() =>
        Enumerable.Range(0, Count).Select(index => this[index]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>
/// Divides examples [0, ExampleCount) into training and held-out ones by whole blocks of neighbors: a pure function of
/// the numbers it is made from, computed example by example, without a list.
/// </summary>
public sealed class HeldOutSplit
{
    private readonly int _blockSize;
    private readonly long _heldOutBlocks;
    private readonly long _blocks;
    private readonly CounterPermutation _order;

    /// <summary>The split of <paramref name="exampleCount"/> examples.</summary>
    /// <param name="exampleCount">At least 1.</param>
    /// <param name="blockSize">Examples that stay together. Those behind the last whole block are for training.</param>
    /// <param name="perMille">
    /// Share held out, in thousandths of the blocks, rounded; at least one block is, if any are and training keeps one.
    /// </param>
    /// <param name="seed">Chooses the blocks.</param>
    public HeldOutSplit(long exampleCount, int blockSize, int perMille, long seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(exampleCount, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(blockSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(perMille);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(perMille, 1000);
        (ExampleCount, _blockSize, _blocks) = (exampleCount, blockSize, exampleCount / blockSize);
        long share = (long)((((Int128)_blocks * perMille) + 500) / 1000);
        long mostHeldOut = exampleCount % blockSize > 0 ? _blocks : _blocks - 1;
        _heldOutBlocks = perMille == 0 ? 0 : Math.Min(Math.Max(share, 1), Math.Max(mostHeldOut, 0));
        _order = new CounterPermutation(seed, RandomPurpose.HeldOutSplit, 0, Math.Max(_blocks, 1));
    }

    /// <summary>All examples.</summary>
    public long ExampleCount { get; }

    /// <summary>Held-out examples.</summary>
    public long HeldOutCount => _heldOutBlocks * _blockSize;

    /// <summary>Training examples.</summary>
    public long TrainingCount => ExampleCount - HeldOutCount;

    /// <summary>The held-out example with number <paramref name="index"/> in [0, HeldOutCount).</summary>
    public long HeldOut(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, HeldOutCount);
        return InBlock(0, index);
    }

    /// <summary>The training example with number <paramref name="index"/> in [0, TrainingCount).</summary>
    public long Training(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, TrainingCount);
        long inBlocks = (_blocks - _heldOutBlocks) * _blockSize;
        return index < inBlocks ? InBlock(_heldOutBlocks, index) : (_blocks * _blockSize) + (index - inBlocks);
    }

    /// <summary>Whether an example is held out.</summary>
    public bool IsHeldOut(long example)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(example);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(example, ExampleCount);
        long block = example / _blockSize;
        return _heldOutBlocks > 0 && block < _blocks && _order.PositionOf(block) < _heldOutBlocks;
    }

    private long InBlock(long firstPosition, long index)
    {
        (long block, long within) = Math.DivRem(index, _blockSize);
        return (_order[firstPosition + block] * _blockSize) + within;
    }
}
