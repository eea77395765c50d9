using System.Runtime.Serialization;
using Google.Protobuf;

namespace RnnLm.Tests;

/// <summary>What travels of a message, and what is made of it at the other end, or refused there.</summary>
public sealed class Messages_between_processes
{
    private const int Vocabulary = 40;
    private const int Shards = 16;
    private static readonly RunExtent s_extent = new(new ModelSettings(Vocabulary, 3, 2, PaddingId: -1), Shards);

    /// <summary>Every message type of Wire.proto that is no part of another.</summary>
    public static readonly string[] Kinds =
    [
        "Register", "Employ", "Apply", "Engage", "Refuse", "Join", "Publish", "Assign", "RangeResult", "RangeFailed",
        "Evaluate", "EvaluationResult", "EvaluationFailed", "Recall", "Dismiss", "Farewell", "Fetched", "Large", "Hire",
        "StartJob",
    ];

    [Fact]
    public void What_a_worker_says_comes_as_it_was_said()
    {
        var drawn = new DrawnMessages(new Random(1), s_extent);
        for (int n = 0; n < 2_000; n++)
        {
            var said = drawn.FromWorker();
            RequireSame(
                said, Translation.FromWorker(Travel(Translation.ToWire(said)), DrawnMessages.Worker, s_extent));
        }
    }

    [Fact]
    public void What_a_coordinator_says_comes_as_it_was_said()
    {
        var drawn = new DrawnMessages(new Random(2), s_extent);
        for (int n = 0; n < 2_000; n++)
        {
            var said = drawn.FromCoordinator();
            RequireSame(said, Translation.FromCoordinator(Travel(Translation.ToWire(said)), s_extent));
        }
    }

    [Fact]
    public void Whoever_is_at_the_other_end_is_known_by_the_connection()
    {
        var join = new Join(new ActorId("somebody"), 3, "abc");
        var other = new ActorId("worker-at-this-link");
        Assert.Equal(
            join with { Worker = other }, Translation.FromWorker(Travel(Translation.ToWire(join)), other, s_extent));
    }

    /// <summary>Devices of two kinds in one process: the coordinator is told of both.</summary>
    [Fact]
    public void A_process_may_have_several_self_tests()
    {
        var join = new Join(DrawnMessages.Worker, 3, $"{new string('a', 64)} {new string('b', 64)}");
        Assert.Equal(
            join, Translation.FromWorker(Travel(Translation.ToWire(join)), DrawnMessages.Worker, s_extent));
    }

    [Fact]
    public void Fields_of_a_later_version_are_ignored()
    {
        var drawn = new DrawnMessages(new Random(3), s_extent);
        byte[] later = [.. Field(999, 0, [42]), .. Field(1_000, 2, [3, 1, 2, 3]), .. Field(77, 5, [1, 2, 3, 4])];
        foreach (string kind in Kinds)
        {
            var message = drawn.Any(kind);
            byte[] bytes = message.ToByteArray();
            var read = WireSerializer.Read(kind, [.. later, .. bytes, .. later]);
            Assert.Equal(message, read);
            Assert.Equal(bytes, read.ToByteArray());
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("publish")]
    [InlineData("Nobody")]
    [InlineData("rnnlm.Publish")]
    [InlineData("RnnLm.Cluster.Wire.Publish, RnnLm.Cluster")]
    [InlineData("System.String")]
    [InlineData("System.Diagnostics.Process, System.Diagnostics.Process")]
    public void What_has_another_name_is_not_read(string manifest) =>
        Assert.Throws<SerializationException>(() => WireSerializer.Read(manifest, []));

    [Fact]
    public void Bytes_that_are_no_message_are_not_read()
    {
        byte[][] cases =
        [
            [0xFF], [0x08], [0x00], [0x07], [.. Field(1, 2, [5, 1])], [.. Field(1, 2, [0xFF, 0xFF, 0xFF, 0xFF, 0x07])],
            [.. Field(1, 2, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01])], [.. Field(1, 4, [])],
        ];
        foreach (byte[] bytes in cases)
        {
            Assert.Throws<InvalidProtocolBufferException>(() => WireSerializer.Read("Assign", bytes));
        }
    }

    [Fact]
    public void Text_that_is_no_UTF_8_is_text_or_refused()
    {
        foreach (byte[] text in new byte[][] { [0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80] })
        {
            try
            {
                var read = WireSerializer.Read("Farewell", [.. Field(1, 2, [(byte)text.Length, .. text])]);
                Assert.Contains('\uFFFD', ((Wire.Farewell)read).Cause);
            }
            catch (InvalidProtocolBufferException)
            {
                // Refused.
            }
        }
    }

    [Theory]
    [InlineData("half of a character at the end: \ud83d")]
    [InlineData("\ude00 and at the beginning")]
    public void Text_that_is_no_UTF_16_travels_all_the_same(string cause)
    {
        var said = new RangeFailed(1, DrawnMessages.Worker, 2, new ShardRange(0, 1), 1, cause);
        var heard = (RangeFailed)Translation.FromWorker(
            Travel(Translation.ToWire(said)), DrawnMessages.Worker, s_extent);
        Assert.Equal(cause.Replace('\ud83d', '\ufffd').Replace('\ude00', '\ufffd'), heard.Cause);
    }

    [Fact]
    public void A_long_cause_is_cut_between_two_characters()
    {
        foreach (int before in new[] { 1020, 1021, 1022, 1023, 1024 })
        {
            string cause = $"{new string('x', before)}😀😀 and so on";
            var said = new RangeFailed(1, DrawnMessages.Worker, 2, new ShardRange(0, 1), 1, cause);
            var heard = (RangeFailed)Translation.FromWorker(
                Travel(Translation.ToWire(said)), DrawnMessages.Worker, s_extent);
            Assert.InRange(heard.Cause.Length, 1_022, 1_024);
            Assert.StartsWith(heard.Cause, cause, StringComparison.Ordinal);
            var piece = new EvaluationFailed(1, DrawnMessages.Worker, 2, 3, 1, cause);
            Assert.Equal(
                heard.Cause,
                ((EvaluationFailed)Translation.FromWorker(
                    Travel(Translation.ToWire(piece)), DrawnMessages.Worker, s_extent)).Cause);
        }
    }

    [Fact]
    public void Control_characters_of_a_cause_are_escaped()
    {
        var said = new RangeFailed(1, DrawnMessages.Worker, 2, new ShardRange(0, 1), 1, "a\nb\u001b[31m\u2028");
        var heard = (RangeFailed)Translation.FromWorker(
            Travel(Translation.ToWire(said)), DrawnMessages.Worker, s_extent);
        Assert.Equal("a\\nb\\u001b[31m\\u2028", heard.Cause);
    }

    [Fact]
    public void What_no_worker_can_mean_is_refused()
    {
        var join = new Wire.Join { Threads = 1, SelfTestHash = "5e1f" };
        var failed = new Wire.RangeFailed { Step = 3, Range = Range(4, 4), Attempt = 1, Cause = "no" };
        var result = new Wire.EvaluationResult { Version = 2, Piece = 1, TokenCount = 7, LossSum = 2, Attempt = 1 };
        var piece = new Wire.EvaluationFailed { Version = 2, Piece = 1, Attempt = 1, Cause = "no" };
        IMessage[] good = [join, failed, result, piece];
        Assert.All(good, message => Translation.FromWorker(message, DrawnMessages.Worker, s_extent));
        IMessage[] bad =
        [
            .. new[] { 0, -1, int.MinValue, 65_537 }.Select(threads => new Wire.Join(join) { Threads = threads }),
            .. new[] { "", "x", "5E1F", "5e1f\n", new string('a', 1_025) }
                .Select(hash => new Wire.Join(join) { SelfTestHash = hash }),
            .. BadRanges().Select(range => new Wire.RangeFailed(failed) { Range = range }),
            new Wire.RangeFailed(failed) { Step = -1 },
            new Wire.RangeFailed(failed) { Attempt = -1 },
            new Wire.RangeFailed(failed) { Cause = new string('x', 1_025) },
            new Wire.EvaluationResult(result) { Version = -1 },
            new Wire.EvaluationResult(result) { Piece = -1 },
            new Wire.EvaluationResult(result) { TokenCount = -1 },
            new Wire.EvaluationResult(result) { Attempt = -1 },
            new Wire.EvaluationFailed(piece) { Version = long.MinValue },
            new Wire.EvaluationFailed(piece) { Piece = -1 },
            new Wire.EvaluationFailed(piece) { Attempt = -1 },
            new Wire.EvaluationFailed(piece) { Cause = new string('x', 1_025) },
            .. OfOtherKinds("Join", "RangeFailed", "EvaluationResult", "EvaluationFailed"),
        ];
        AllAreRefused(bad, message => Translation.FromWorker(message, DrawnMessages.Worker, s_extent));
    }

    [Fact]
    public void What_no_coordinator_can_mean_is_refused()
    {
        var shard = new Wire.ShardTokens { Lengths = { 3, 2 }, Ids = { 0, 1, 2, Vocabulary - 1, 0 } };
        var assigned = new Wire.AssignedRange
        {
            Range = Range(2, 2),
            Attempt = 1,
            Shards = { shard, new Wire.ShardTokens() },
        };
        var assign = new Wire.Assign { Step = 3, Ranges = { assigned } };
        var evaluate = new Wire.Evaluate { Version = 2, Piece = 1, Attempt = 1, Tokens = shard };
        Assert.All(
            new IMessage[] { assign, evaluate, new Wire.Recall(), new Wire.Dismiss() },
            message => Translation.FromCoordinator(message, s_extent));
        Wire.ShardTokens[] badTokens =
        [
            new() { Lengths = { 3, 2 }, Ids = { 0, 1, 2, 3 } },
            new() { Lengths = { 3, 2 }, Ids = { 0, 1, 2, 3, 4, 5 } },
            new() { Lengths = { 5, 0 }, Ids = { 0, 1, 2, 3, 4 } },
            new() { Lengths = { 4, 1 }, Ids = { 0, 1, 2, 3, 4 } },
            new() { Lengths = { 6, -1 }, Ids = { 0, 1, 2, 3, 4 } },
            new() { Lengths = { int.MaxValue, int.MaxValue, 7 }, Ids = { 0, 1, 2, 3, 4 } },
            new() { Lengths = { int.MinValue }, Ids = { 0, 1 } },
            new() { Ids = { 0, 1 } },
            new() { Lengths = { 2 } },
            new() { Lengths = { 2 }, Ids = { 0, -1 } },
            new() { Lengths = { 2 }, Ids = { 0, Vocabulary } },
            new() { Lengths = { 2 }, Ids = { int.MinValue, 0 } },
        ];
        Wire.AssignedRange[] badRanges =
        [
            .. BadRanges().Select(range => new Wire.AssignedRange(assigned) { Range = range }),
            new(assigned) { Attempt = -1 },
            new(assigned) { Range = Range(2, 1) },
            new(assigned) { Range = Range(0, 4) },
            new() { Range = Range(0, 1), Attempt = 1 },
            .. badTokens.Select(tokens => new Wire.AssignedRange
            {
                Range = Range(2, 2),
                Attempt = 1,
                Shards = { new Wire.ShardTokens(), tokens },
            }),
        ];
        IMessage[] bad =
        [
            new Wire.Assign(assign) { Step = -1 },
            .. badRanges.Select(range => new Wire.Assign { Ranges = { assigned, range } }),
            .. badTokens.Select(tokens => new Wire.Evaluate(evaluate) { Tokens = tokens }),
            new Wire.Evaluate(evaluate) { Tokens = null },
            new Wire.Evaluate(evaluate) { Version = -1 },
            new Wire.Evaluate(evaluate) { Piece = -1 },
            new Wire.Evaluate(evaluate) { Attempt = -1 },
            .. OfOtherKinds("Assign", "Evaluate", "Recall", "Dismiss"),
        ];
        AllAreRefused(bad, message => Translation.FromCoordinator(message, s_extent));
    }

    [Fact]
    public void Numbers_of_a_result_that_cannot_be_are_refused()
    {
        var empty = new Wire.RangeResult { Step = 3, Range = Range(4, 4) };
        var full = new Wire.RangeResult(empty)
        {
            TokenCount = 7,
            LossSum = 2,
            RowCount = 3,
            Gradient = new Wire.BulkReference(),
        };
        Assert.Equal(new ShardRange(4, 4), Translation.Check(empty, s_extent));
        Assert.Equal(new ShardRange(4, 4), Translation.Check(full, s_extent));
        Translation.Check(new(full) { RowCount = 0 }, s_extent);
        Translation.Check(new(full) { RowCount = Vocabulary }, s_extent);
        Translation.Check(new(full) { LossSum = double.NaN }, s_extent);
        Wire.RangeResult[] bad =
        [
            .. BadRanges().Select(range => new Wire.RangeResult(full) { Range = range }),
            .. BadRanges().Select(range => new Wire.RangeResult(empty) { Range = range }),
            new(full) { Step = -1 },
            new(full) { TokenCount = -1 },
            new(full) { TokenCount = 0 },
            new(full) { Gradient = null },
            new(full) { RowCount = -1 },
            new(full) { RowCount = Vocabulary + 1 },
            new(empty) { TokenCount = 1 },
            new(empty) { RowCount = 1 },
            new(empty) { Gradient = new Wire.BulkReference() },
            new(empty) { LossSum = 1 },
            new(empty) { LossSum = double.NaN },
        ];
        AllAreRefused(bad, message => Translation.Check(message, s_extent));
    }

    [Fact]
    public void Row_ids_that_do_not_ascend_inside_the_vocabulary_are_refused()
    {
        using var gradient = new Gradient(ParameterLayout.For(s_extent.Model));
        void Check(params int[] ids)
        {
            ids.CopyTo(gradient.RowIds, 0);
            gradient.RowCount = ids.Length;
            Translation.CheckRows(gradient);
        }

        Check();
        Check(0);
        Check(0, 1, Vocabulary - 1);
        foreach (int[] ids in new int[][]
        {
            [-1], [Vocabulary], [int.MinValue], [0, 0], [2, 1], [0, 1, 2, Vocabulary], [5, -1], [int.MaxValue],
        })
        {
            Assert.Throws<MalformedMessageException>(() => Check(ids));
        }
    }

    private static IEnumerable<Wire.Range?> BadRanges() =>
    [
        null, new(), Range(0, 0), Range(0, -1), Range(-1, 1), Range(0, 3), Range(2, 4), Range(1, 2), Range(Shards, 1),
        Range(0, 2 * Shards), Range(Shards, Shards), Range(int.MaxValue, 1), Range(1 << 30, 1 << 30),
        Range(0, int.MinValue), Range(int.MinValue, 1), Range(-Shards, Shards),
    ];

    private static IEnumerable<IMessage> OfOtherKinds(params string[] kinds)
    {
        var drawn = new DrawnMessages(new Random(4), s_extent);
        return
        [
            .. Kinds.Except(kinds).Select(drawn.Any),
            new Wire.BulkReference(), new Wire.SharedMemory(), new Wire.Version(), new Wire.Model(), new Wire.Range(),
            new Wire.AssignedRange(), new Wire.ShardTokens(),
        ];
    }

    private static void AllAreRefused<T>(IEnumerable<T> messages, Action<T> read)
        where T : IMessage
    {
        var taken = messages.Where(message =>
        {
            try
            {
                read(message);
                return true;
            }
            catch (MalformedMessageException)
            {
                return false;
            }
        });
        Assert.Empty(taken.Select(message => $"{message.Descriptor.Name} {message}"));
    }

    private static Wire.Range Range(int start, int length) => new() { Start = start, Length = length };

    /// <summary>What is at the other end of what was written here.</summary>
    private static IMessage Travel(IMessage message)
    {
        var read = WireSerializer.Read(WireSerializer.ManifestOf(message), message.ToByteArray());
        Assert.IsType(message.GetType(), read);
        return read;
    }

    private static void RequireSame(Message said, Message heard)
    {
        switch (said)
        {
            case Assign assign:
                var other = Assert.IsType<Assign>(heard);
                Assert.Equal(
                    (assign.Incarnation, assign.Step, assign.Ranges.Count),
                    (other.Incarnation, other.Step, other.Ranges.Count));
                foreach (var (left, right) in assign.Ranges.Zip(other.Ranges))
                {
                    Assert.Equal((left.Range, left.Attempt), (right.Range, right.Attempt));
                    Assert.Equal(left.Shards.Count, right.Shards.Count);
                    Assert.All(left.Shards.Zip(right.Shards), shards => RequireSame(shards.First, shards.Second));
                }

                break;
            case Evaluate evaluate:
                var asked = Assert.IsType<Evaluate>(heard);
                RequireSame(evaluate.Tokens, asked.Tokens);
                Assert.Equal(evaluate.States, asked.States);
                Assert.Equal(evaluate with { Tokens = asked.Tokens, States = asked.States }, asked);
                break;
            case EvaluationResult result:
                var heardResult = Assert.IsType<EvaluationResult>(heard);
                Assert.Equal(result.States, heardResult.States);
                Assert.Equal(result with { States = heardResult.States }, heardResult);
                break;
            default:
                Assert.Equal(said, heard);
                break;
        }
    }

    private static void RequireSame(ShardTokens said, ShardTokens heard)
    {
        Assert.Equal(said.Ids, heard.Ids);
        Assert.Equal(said.Starts, heard.Starts);
        Assert.Equal(said.FirstExample, heard.FirstExample);
        Assert.Equal(said.Hash(), heard.Hash());
    }

    /// <summary>A field of a message as it travels.</summary>
    private static byte[] Field(int number, int wireType, byte[] value)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
        {
            output.WriteUInt32((uint)((number << 3) | wireType));
        }

        return [.. bytes.ToArray(), .. value];
    }
}
