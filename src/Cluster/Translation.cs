using Akka.Actor;
using Google.Protobuf;

namespace RnnLm.Cluster;

/// <summary>A process sent what no process of this program sends.</summary>
internal sealed class MalformedMessageException(string message) : Exception(message);

/// <summary>What a reader must know of a run to tell a message that cannot be.</summary>
/// <param name="Model">Its model.</param>
/// <param name="Shards">S, shards of a step.</param>
internal sealed record RunExtent(ModelSettings Model, int Shards)
{
    /// <summary>Values of the state of one example.</summary>
    public long StateWidth => ParameterLayout.StateWidthOf(Model);
}

/// <summary>
/// Between the protocol's messages and what travels of them. Whatever is read is checked here, once: ranges are
/// aligned and inside the step, ids inside the vocabulary, texts short.
/// </summary>
internal static class Translation
{
    private const int MostThreads = 1 << 16;
    private const int MostLayers = 1 << 10;
    private const int MostExamples = 1 << 20;
    private const int LongestText = 1024;

    /// <summary>What travels of a message without bulk.</summary>
    public static IMessage ToWire(Message message) => message switch
    {
        Join join => new Wire.Join { Threads = join.Threads, SelfTestHash = join.SelfTestHash },
        Assign assign => new Wire.Assign
        {
            Incarnation = assign.Incarnation,
            Step = assign.Step,
            Ranges = { assign.Ranges.Select(ToWire) },
        },
        RangeFailed it => new Wire.RangeFailed
        {
            Incarnation = it.Incarnation,
            Step = it.Step,
            Range = ToWire(it.Range),
            Attempt = it.Attempt,
            Cause = Shorten(it.Cause),
        },
        Evaluate evaluate => new Wire.Evaluate
        {
            Incarnation = evaluate.Incarnation,
            Version = evaluate.Version,
            Piece = evaluate.Piece,
            Attempt = evaluate.Attempt,
            Tokens = ToWire(evaluate.Tokens),
            State = ToWire(evaluate.States),
        },
        EvaluationResult it => new Wire.EvaluationResult
        {
            Incarnation = it.Incarnation,
            Version = it.Version,
            Piece = it.Piece,
            LossSum = it.LossSum,
            TokenCount = it.TokenCount,
            State = ToWire(it.States),
            Attempt = it.Attempt,
        },
        EvaluationFailed it => new Wire.EvaluationFailed
        {
            Incarnation = it.Incarnation,
            Version = it.Version,
            Piece = it.Piece,
            Attempt = it.Attempt,
            Cause = Shorten(it.Cause),
        },
        Recall recall => new Wire.Recall { Incarnation = recall.Incarnation },
        Dismiss dismiss => new Wire.Dismiss { Incarnation = dismiss.Incarnation },
        _ => throw new InvalidOperationException($"{message.GetType().Name} does not travel"),
    };

    /// <summary>What travels of a model.</summary>
    public static Wire.Model ToWire(ModelSettings model) => new()
    {
        VocabularySize = model.VocabularySize,
        Dimension = model.Dimension,
        Layers = model.Layers,
        PaddingId = model.PaddingId,
        Cell = model.Cell == CellDeclaration.DefaultName ? string.Empty : model.Cell,
        Embedding = model.Embedding,
        Tied = model.Tied,
        Dropout = model.Dropout,
        DropoutSeed = model.DropoutSeed,
        CarriedRows = model.CarriedRows,
    };

    /// <summary>A model that was checked.</summary>
    public static ModelSettings FromWire(Wire.Model model) => new(
        model.VocabularySize,
        model.Dimension,
        model.Layers,
        model.PaddingId,
        model.Cell.Length == 0 ? CellDeclaration.DefaultName : model.Cell,
        model.Embedding,
        model.Tied,
        model.Dropout,
        model.DropoutSeed,
        model.CarriedRows);

    /// <summary>Why a worker cannot compute a cell; null when it can.</summary>
    /// <param name="cell">As it travels.</param>
    /// <param name="cells">What its program has registered.</param>
    public static string? WhyNot(string cell, IEnumerable<string> cells) => cell.Length == 0 || cells.Contains(cell)
        ? null
        : $"the run has cell {Text(cell)}, which the worker's program does not register";

    /// <summary>What travels of parameters.</summary>
    public static Wire.Publish ToWire(Publish publish, Wire.BulkReference parameters) => new()
    {
        Incarnation = publish.Incarnation,
        Version = publish.Version.Version,
        Parameters = parameters,
    };

    /// <summary>What travels of a result.</summary>
    /// <param name="result">The result.</param>
    /// <param name="gradient">Where the gradient can be fetched; null when there is none.</param>
    public static Wire.RangeResult ToWire(RangeResult result, Wire.BulkReference? gradient) => new()
    {
        Incarnation = result.Incarnation,
        Step = result.Step,
        Range = ToWire(result.Range),
        TokenHash = result.TokenHash,
        LossSum = result.Gradient.LossSum,
        TokenCount = result.Gradient.TokenCount,
        RowCount = result.Gradient.RowCount,
        ComputeSeconds = result.Gradient.ComputeSeconds,
        Gradient = gradient,
    };

    /// <summary>A message of a worker without bulk.</summary>
    /// <exception cref="MalformedMessageException">It cannot be.</exception>
    public static Message FromWorker(IMessage body, ActorId worker, RunExtent extent) => body switch
    {
        Wire.Join join => new Join(worker, Count(join.Threads, 1, MostThreads, "threads"), Hashes(join.SelfTestHash)),
        Wire.RangeFailed it => new RangeFailed(
            it.Incarnation, worker, Number(it.Step), FromWire(it.Range, extent), Attempt(it.Attempt), Text(it.Cause)),
        Wire.EvaluationResult it => new EvaluationResult(
            it.Incarnation, worker, Number(it.Version), Piece(it.Piece), it.LossSum, Number(it.TokenCount))
        {
            Attempt = Attempt(it.Attempt),
            States = FromWire(it.State, extent),
        },
        Wire.EvaluationFailed it => new EvaluationFailed(
            it.Incarnation, worker, Number(it.Version), Piece(it.Piece), Attempt(it.Attempt), Text(it.Cause)),
        _ => throw new MalformedMessageException($"a worker sends no {body.Descriptor.Name}"),
    };

    /// <summary>A message of the coordinator without bulk.</summary>
    /// <exception cref="MalformedMessageException">It cannot be.</exception>
    public static Message FromCoordinator(IMessage body, RunExtent extent) => body switch
    {
        Wire.Assign assign => new Assign(
            assign.Incarnation, Number(assign.Step), [.. assign.Ranges.Select(range => FromWire(range, extent))]),
        Wire.Evaluate it => new Evaluate(
            it.Incarnation, Number(it.Version), Piece(it.Piece), Attempt(it.Attempt), FromWire(it.Tokens, extent))
        {
            States = FromWire(it.State, extent),
        },
        Wire.Recall recall => new Recall(recall.Incarnation),
        Wire.Dismiss dismiss => new Dismiss(dismiss.Incarnation),
        _ => throw new MalformedMessageException($"a coordinator sends no {body.Descriptor.Name}"),
    };

    /// <summary>Takes the numbers of a result in, whose gradient comes by itself.</summary>
    /// <exception cref="MalformedMessageException">They cannot be.</exception>
    public static ShardRange Check(Wire.RangeResult result, RunExtent extent)
    {
        bool isEmpty = result.Gradient is null;
        Require(isEmpty == (result.TokenCount == 0), "a gradient without tokens");
        Require(!isEmpty || result.LossSum == 0, "a loss without tokens");
        Require(result.ComputeSeconds is >= 0 and < double.PositiveInfinity, "a time that is none");
        Count(result.RowCount, 0, isEmpty || extent.Model.Tied ? 0 : extent.Model.VocabularySize, "rows");
        Number(result.Step);
        Number(result.TokenCount);
        return FromWire(result.Range, extent);
    }

    /// <summary>What a coordinator says of its run, whose cell is known: memory is taken by it.</summary>
    /// <exception cref="MalformedMessageException">It cannot be.</exception>
    public static void Check(Wire.Engage engage)
    {
        Number(engage.Incarnation);
        Text(engage.JobHash);
        Text(engage.Host);
        Text(engage.Run);
        int shards = Count(engage.Shards, 1, PlanSettings.MostShards, "shards");
        Require(int.IsPow2(shards), "shards that are no power of two");
        Require(engage.Model is not null, "no model");
        var model = engage.Model!;
        Count(model.VocabularySize, 1, int.MaxValue, "tokens of a vocabulary");
        Count(model.Dimension, 1, int.MaxValue, "dimensions");
        Count(model.Layers, 1, MostLayers, "layers");
        Count(model.PaddingId, -1, model.VocabularySize - 1, "as the padding");
        Count(model.Embedding, 0, int.MaxValue, "dimensions of the embedding");
        Count(model.CarriedRows, 0, MostExamples, "rows whose state is carried");
        Require(model.Dropout is >= 0 and < 1, "a dropout that is no share");
        Require(!model.Tied || model.Embedding == 0 || model.Embedding == model.Dimension, "a tied embedding");
        Require(ParameterLayout.BufferCountOf(FromWire(model)) <= int.MaxValue, "a model of too many parameters");
    }

    /// <summary>Where a worker process is sent.</summary>
    /// <exception cref="MalformedMessageException">There is no such place.</exception>
    public static void Check(Wire.Employ employ)
    {
        Text(employ.Job);
        Require(Text(employ.Coordinator) == employ.Coordinator && IsPath(employ.Coordinator), "a path that is none");
    }

    /// <summary>Whether texts of another process are as short as those that are sent.</summary>
    public static bool AreShort(params ReadOnlySpan<string> texts)
    {
        foreach (string text in texts)
        {
            if (text.Length > LongestText)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A text of another process, in one line.</summary>
    /// <exception cref="MalformedMessageException">It is longer than any that is sent.</exception>
    public static string Text(string text)
    {
        Require(text.Length <= LongestText, "a long text");
        return RnnLmException.OneLine(text);
    }

    /// <summary>As much of a text as is sent, cut between two characters.</summary>
    public static string Shorten(string text) =>
        text.Length <= LongestText ? text
            : text[..(LongestText - (char.IsHighSurrogate(text[LongestText - 1]) ? 1 : 0))];

    /// <summary>Row ids that were fetched must ascend inside the vocabulary: memory is written at them.</summary>
    /// <exception cref="MalformedMessageException">They do not.</exception>
    public static void CheckRows(Gradient gradient)
    {
        int vocabulary = gradient.Layout.EmbeddingRows;
        int last = -1;
        foreach (int id in gradient.RowIds.AsSpan(0, gradient.RowCount))
        {
            Require(id > last && id < vocabulary, "row ids that do not ascend");
            last = id;
        }
    }

    private static Wire.AssignedRange ToWire(AssignedRange assigned) => new()
    {
        Range = ToWire(assigned.Range),
        Attempt = assigned.Attempt,
        Shards = { assigned.Shards.Select(ToWire) },
    };

    private static Wire.Range ToWire(ShardRange range) => new() { Start = range.Start, Length = range.Length };

    private static Wire.ShardTokens ToWire(ShardTokens tokens) => new()
    {
        Lengths = { Enumerable.Range(0, tokens.ExampleCount).Select(i => tokens.Starts[i + 1] - tokens.Starts[i]) },
        Ids = { tokens.Ids },
        FirstExample = tokens.FirstExample,
    };

    private static Wire.State? ToWire(float[]? state) =>
        state is null ? null : new Wire.State { Values = { state } };

    private static float[]? FromWire(Wire.State? state, RunExtent extent)
    {
        Require(
            state is null || state.Values.Count == 0 || state.Values.Count == extent.StateWidth,
            "a state of another width");
        return state is null ? null : [.. state.Values];
    }

    private static AssignedRange FromWire(Wire.AssignedRange assigned, RunExtent extent)
    {
        var range = FromWire(assigned.Range, extent);
        Require(assigned.Shards.Count == range.Length, "other shards than its range has");
        ShardTokens[] shards = [.. assigned.Shards.Select(shard => FromWire(shard, extent))];

        // Their states are read and written at these rows.
        int rows = extent.Model.CarriedRows;
        Require(
            rows == 0 || shards.All(shard => shard.FirstExample <= rows - shard.ExampleCount),
            "examples outside the batch");
        return new AssignedRange(range, Attempt(assigned.Attempt), shards);
    }

    private static ShardTokens FromWire(Wire.ShardTokens? tokens, RunExtent extent)
    {
        Require(tokens is not null, "no tokens");
        int[] starts = new int[tokens!.Lengths.Count + 1];
        for (int i = 0; i < tokens.Lengths.Count; i++)
        {
            // An example predicts at least one token.
            Require(tokens.Lengths[i] >= 2 && tokens.Lengths[i] <= tokens.Ids.Count - starts[i], "examples too long");
            starts[i + 1] = starts[i] + tokens.Lengths[i];
        }

        Require(starts[^1] == tokens.Ids.Count, "tokens of no example");
        Require(tokens.Ids.All(id => (uint)id < (uint)extent.Model.VocabularySize), "ids outside the vocabulary");
        return new ShardTokens([.. tokens.Ids], starts)
        {
            FirstExample = Count(tokens.FirstExample, 0, MostExamples, "as the number of an example"),
        };
    }

    private static ShardRange FromWire(Wire.Range? range, RunExtent extent)
    {
        bool isRange = range is { Start: >= 0, Length: > 0 } && int.IsPow2(range.Length) &&
            range.Start % range.Length == 0 && range.Length <= extent.Shards &&
            range.Start <= extent.Shards - range.Length;
        Require(isRange, "a range outside the step");
        return new ShardRange(range!.Start, range.Length);
    }

    private static long Number(long value)
    {
        Require(value >= 0, "a negative number");
        return value;
    }

    private static int Count(int value, int least, int most, string what)
    {
        Require(value >= least && value <= most, $"{value} {what}");
        return value;
    }

    private static int Piece(int piece) => Count(piece, 0, int.MaxValue, "as the number of a piece");

    private static int Attempt(int attempt) => Count(attempt, 0, int.MaxValue, "as the number of an attempt");

    private static bool IsPath(string path)
    {
        try
        {
            return ActorPath.TryParse(path, out _);
        }
        catch (Exception failure) when (failure is FormatException or OverflowException)
        {
            // Akka's parser throws when the number behind # is none.
            return false;
        }
    }

    /// <summary>One hash, or one of each kind of device of a process.</summary>
    private static string Hashes(string hashes)
    {
        bool areHashes = hashes.Length > 0 && hashes.All(digit => char.IsAsciiHexDigitLower(digit) || digit == ' ');
        Require(areHashes, "a hash that is none");
        return Text(hashes);
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new MalformedMessageException($"it sent {otherwise}");
        }
    }
}
