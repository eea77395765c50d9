using Google.Protobuf;

namespace RnnLm.Tests;

/// <summary>
/// What may be made of messages from outside, written apart from the product: in plain comparisons of the numbers that
/// travelled, for a small run.
/// </summary>
internal static class WireJudge
{
    public const int Vocabulary = 17;
    public const int Shards = 8;
    public const int StateWidth = 3;
    private const int Longest = 1024;

    /// <summary>Whether a worker can have meant it.</summary>
    public static bool MayBeOfWorker(IMessage body) => body switch
    {
        Wire.Join it => it.Threads >= 1 && it.Threads <= 65_536 && it.SelfTestHash.Length >= 1 &&
            it.SelfTestHash.Length <= Longest && it.SelfTestHash.All(digit => "0123456789abcdef ".Contains(digit)),
        Wire.RangeFailed it => it.Step >= 0 && it.Attempt >= 0 && it.Cause.Length <= Longest && IsRange(it.Range),
        Wire.EvaluationResult it => it.Version >= 0 && it.Piece >= 0 && it.TokenCount >= 0 &&
            it.Attempt >= 0 && IsState(it.State),
        Wire.EvaluationFailed it => it.Version >= 0 && it.Piece >= 0 && it.Attempt >= 0 && it.Cause.Length <= Longest,
        _ => false,
    };

    /// <summary>Whether a coordinator can have meant it.</summary>
    public static bool MayBeOfCoordinator(IMessage body) => body switch
    {
        Wire.Assign it => it.Step >= 0 && it.Ranges.All(assigned => IsRange(assigned.Range) && assigned.Attempt >= 0 &&
            assigned.Shards.Count == assigned.Range.Length && assigned.Shards.All(AreTokens)),
        Wire.Evaluate it => it.Version >= 0 && it.Piece >= 0 && it.Attempt >= 0 && AreTokens(it.Tokens) &&
            IsState(it.State),
        Wire.Recall or Wire.Dismiss => true,
        _ => false,
    };

    /// <summary>Whether the numbers of a result can be.</summary>
    public static bool MayBe(Wire.RangeResult it) => it.Step >= 0 && IsRange(it.Range) && it.RowCount >= 0 &&
        it.RowCount <= Vocabulary && it.ComputeSeconds >= 0 && it.ComputeSeconds <= double.MaxValue &&
        (it.Gradient is null
            ? it.TokenCount == 0 && it.RowCount == 0 && it.LossSum == 0
            : it.TokenCount > 0);

    /// <summary>Whether a worker process can be engaged like this.</summary>
    public static bool MayBe(Wire.Engage it)
    {
        if (it.Incarnation < 0 || it.JobHash.Length > Longest || it.Host.Length > Longest ||
            !new[] { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096 }.Contains(it.Shards) ||
            it.Model is not { VocabularySize: > 0, Dimension: > 0, Layers: > 0 and <= 1024 } model ||
            model.PaddingId < -1 || model.PaddingId >= model.VocabularySize || model.Cell is not ("" or "elman") ||
            model.Embedding < 0 || model.CarriedRows is < 0 or > 1 << 20 || model.Dropout is not (>= 0 and < 1) ||
            (model.Tied && model.Embedding != 0 && model.Embedding != model.Dimension))
        {
            return false;
        }

        var (v, d, l) = ((decimal)model.VocabularySize, (decimal)model.Dimension, (decimal)model.Layers);
        decimal e = model.Embedding == 0 ? d : model.Embedding;
        decimal layers = (e * d) + (d * d) + d + ((l - 1) * ((2 * d * d) + d));
        return (v * e) + (model.Tied ? 0 : v * d) + v + layers + (model.CarriedRows * l * d) <= int.MaxValue;
    }

    /// <summary>Whether a worker may apply to the run.</summary>
    public static bool MayBe(Wire.Apply it) => it.Version?.Major == 2 && IsWorkersName(it.Worker) &&
        it.Numerics == "cpu" && it.Bulk.Length <= Longest && it.Host.Length <= Longest;

    /// <summary>Whether a worker may look for work.</summary>
    public static bool MayBe(Wire.Register it) => it.Version?.Major == 2 && IsWorkersName(it.Worker);

    /// <summary>Whether somebody can want workers like this.</summary>
    public static bool MayBe(Wire.Hire it) =>
        it.Version?.Major == 2 && it.Job.Length <= Longest && it.Numerics.Length <= Longest &&
        it.Cell.Length <= Longest;

    /// <summary>What reaches an actor of this process must be right, however it came about.</summary>
    public static void Require(Message message)
    {
        bool isRight = message switch
        {
            Join it => it.Threads is >= 1 and <= 65_536 && IsLine(it.SelfTestHash),
            RangeFailed it => it.Step >= 0 && IsRange(it.Range.Start, it.Range.Length) && IsLine(it.Cause),
            EvaluationResult it => it.Version >= 0 && it.Piece >= 0 && it.TokenCount >= 0 &&
                it.States?.Length is null or 0 or StateWidth,
            EvaluationFailed it => it.Version >= 0 && it.Piece >= 0 && IsLine(it.Cause),
            RangeResult it => it.Step >= 0 && IsRange(it.Range.Start, it.Range.Length) && IsGradient(it.Gradient),
            Assign it => it.Step >= 0 && it.Ranges.All(range => IsRange(range.Range.Start, range.Range.Length) &&
                range.Shards.Count == range.Range.Length && range.Shards.All(AreTokens)),
            Evaluate it => it.Version >= 0 && it.Piece >= 0 && AreTokens(it.Tokens) &&
                it.States?.Length is null or 0 or StateWidth,
            Publish it => it.Version.Version >= 0,
            Recall or Dismiss => true,
            _ => false,
        };
        Assert.True(isRight, $"{message} was taken for right");
    }

    /// <summary>Whether text can be printed in a line.</summary>
    public static bool IsLine(string text) => text.Length <= 8 * Longest && !text.Any(char.IsControl);

    private static bool IsWorkersName(string name) => name.Length is > 0 and <= 100 && name.All(character =>
        character is (>= 'a' and <= 'z') or (>= 'A' and <= 'Z') or (>= '0' and <= '9') or '.' or '_' or ':' or '-');

    private static bool IsGradient(Gradient gradient)
    {
        if (gradient.TokenCount == 0)
        {
            return gradient is { RowCount: 0, LossSum: 0 };
        }

        int[] ids = gradient.RowIds[..gradient.RowCount];
        return gradient.TokenCount > 0 && ids.Length <= Vocabulary && ids.All(id => id is >= 0 and < Vocabulary) &&
            ids.Distinct().Count() == ids.Length && ids.Order().SequenceEqual(ids);
    }

    private static bool IsState(Wire.State? state) => state?.Values.Count is null or 0 or StateWidth;

    private static bool IsRange(Wire.Range? range) => range is not null && IsRange(range.Start, range.Length);

    private static bool IsRange(int start, int length)
    {
        for (int size = 1; size <= Shards; size *= 2)
        {
            for (int first = 0; first < Shards; first += size)
            {
                if ((start, length) == (first, size))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static bool AreTokens(Wire.ShardTokens? tokens) => tokens is not null &&
        tokens.Lengths.All(length => length >= 2) && tokens.FirstExample is >= 0 and <= 1 << 20 &&
        tokens.Lengths.Sum(length => (decimal)length) == tokens.Ids.Count &&
        tokens.Ids.All(id => id >= 0 && id < Vocabulary);

    private static bool AreTokens(ShardTokens tokens)
    {
        if (tokens.Starts.Length == 0 || tokens.Starts[0] != 0 || tokens.Starts[^1] != tokens.Ids.Length)
        {
            return false;
        }

        for (int i = 1; i < tokens.Starts.Length; i++)
        {
            if (tokens.Starts[i] < tokens.Starts[i - 1] + 2)
            {
                return false;
            }
        }

        return tokens.Ids.All(id => id >= 0 && id < Vocabulary);
    }
}
