using Google.Protobuf;

namespace RnnLm.Tests;

/// <summary>Messages that processes of this program could send each other, of all kinds, drawn by chance.</summary>
internal sealed class DrawnMessages(Random random, RunExtent extent)
{
    public static readonly ActorId Worker = new("worker-7");

    /// <summary>What a worker sends, without bulk.</summary>
    public Message FromWorker() => random.Next(4) switch
    {
        0 => new Join(Worker, random.Next(1, 65_537), Hash()),
        1 => new RangeFailed(Number(), Worker, Number(), Range(), Attempt(), Text()),
        2 => new EvaluationResult(Number(), Worker, Number(), Count(), Loss(), Number())
        {
            Attempt = Attempt(),
            States = State(),
        },
        _ => new EvaluationFailed(Number(), Worker, Number(), Count(), Attempt(), Text()),
    };

    /// <summary>What a coordinator sends, without bulk.</summary>
    public Message FromCoordinator() => random.Next(5) switch
    {
        0 => new Dismiss(Number()),
        4 => new Recall(Number()),
        1 => new Evaluate(Number(), Number(), Count(), Attempt(), Tokens()) { States = State() },
        _ => new Assign(Number(), Number(), [.. Enumerable.Range(0, random.Next(4)).Select(_ => Assigned())]),
    };

    private float[]? State() => random.Next(3) switch
    {
        0 => null,
        1 => [],
        _ => [.. Enumerable.Range(0, (int)extent.StateWidth).Select(_ => random.NextSingle())],
    };

    /// <summary>What travels of any kind of message.</summary>
    public IMessage Any() => random.Next(18) switch
    {
        0 => new Wire.Register
        {
            Version = Version(),
            Worker = random.Next(4) == 0 ? Text() : "worker-7",
            Job = random.Next(2) == 0 ? Hash() : "",
            Coordinator = random.Next(2) == 0 ? Path() : "",
            Numerics = "cpu",
            Cells = { CellNames() },
        },
        1 => new Wire.Employ { Job = Hash(), Coordinator = Path() },
        2 => new Wire.Apply
        {
            Version = Version(),
            Worker = "worker-7",
            Numerics = "cpu",
            Bulk = "127.0.0.1:4711",
            Host = Text(),
            Cells = { CellNames() },
        },
        3 => Engage(),
        4 => new Wire.Refuse { Reason = Text(), ByRegistry = random.Next(2) == 0 },
        5 or 6 => Publish(),
        7 or 8 => Result(),
        9 => new Wire.Farewell { Cause = Text() },
        10 => new Wire.Fetched { IdHigh = Bits(), IdLow = Bits() },
        11 => new Wire.Large { Manifest = random.Next(2) == 0 ? "Assign" : "Evaluate", Content = Reference(Count()) },
        12 or 13 => Translation.ToWire(FromWorker()),
        14 => new Wire.Hire
        {
            Version = Version(),
            Job = Hash(),
            Numerics = "cpu",
            Cell = random.Next(2) == 0 ? CoupledGateCell.Registered : "",
            Ends = random.Next(8) == 0,
        },
        15 => new Wire.StartJob { Job = Hash() },
        _ => Translation.ToWire(FromCoordinator()),
    };

    /// <summary>Of one kind.</summary>
    public IMessage Any(string kind)
    {
        while (true)
        {
            var message = Any();
            if (message.Descriptor.Name == kind)
            {
                return message;
            }
        }
    }

    public Wire.Engage Engage() => new()
    {
        Version = Version(),
        Incarnation = Number(),
        JobHash = Hash(),
        Model = Translation.ToWire(extent.Model),
        Shards = extent.Shards,
        Bulk = "127.0.0.1:4711",
        Host = Text(),
    };

    public Wire.Publish Publish() => new()
    {
        Incarnation = Number(),
        Version = Number(),
        Parameters = Reference(4L * ParameterLayout.For(extent.Model).Length),
    };

    public Wire.RangeResult Result()
    {
        int rows = random.Next(extent.Model.VocabularySize + 1);
        var result = new Wire.RangeResult
        {
            Incarnation = Number(),
            Step = Number(),
            Range = new Wire.Range { Start = 0, Length = 1 },
            TokenHash = Bits(),
        };
        var range = Range();
        (result.Range.Start, result.Range.Length) = (range.Start, range.Length);
        if (random.Next(8) > 0)
        {
            (result.TokenCount, result.LossSum, result.RowCount) = (Number() + 1, Loss(), rows);
            result.ComputeSeconds = random.NextDouble();
            result.Gradient = Reference(Payload.LengthOf(ParameterLayout.For(extent.Model), rows));
        }

        return result;
    }

    public ShardRange Range()
    {
        int length = 1 << random.Next(int.Log2(extent.Shards) + 1);
        return new ShardRange(random.Next(extent.Shards / length) * length, length);
    }

    public ShardTokens Tokens()
    {
        var starts = new List<int> { 0 };
        for (int example = random.Next(4); example > 0; example--)
        {
            starts.Add(starts[^1] + random.Next(2, 9));
        }

        return new ShardTokens(
            [.. Enumerable.Range(0, starts[^1]).Select(_ => random.Next(extent.Model.VocabularySize))], [.. starts])
        {
            FirstExample = random.Next(100),
        };
    }

    /// <summary>Text of all planes in one line.</summary>
    public string Text() => string.Concat(Enumerable.Range(0, random.Next(20)).Select(_ => random.Next(4) switch
    {
        0 => char.ConvertFromUtf32(random.Next(0x1F300, 0x1F600)),
        1 => $"{(char)random.Next(0xC0, 0x2000)}",
        _ => $"{(char)random.Next(0x20, 0x7F)}",
    }));

    private AssignedRange Assigned()
    {
        var range = Range();
        return new AssignedRange(
            range, Attempt(), [.. Enumerable.Range(0, range.Length).Select(_ => Tokens())]);
    }

    private string[] CellNames() => random.Next(3) switch
    {
        0 => [],
        1 => ["elman", CoupledGateCell.Registered],
        _ => [Text()],
    };

    private static Wire.Version Version() => new() { Major = 2, Minor = 0 };

    private Wire.BulkReference Reference(long length) => new()
    {
        IdHigh = Bits(),
        IdLow = Bits(),
        Length = length,
        HashHigh = Bits(),
        HashLow = Bits(),
        Shared = random.Next(2) == 0
            ? null
            : new Wire.SharedMemory { Host = Text(), Process = Count(), File = Count(), Name = $"rnnlm-{Hash()}" },
    };

    private static string Path() => "akka.tcp://rnnlm@127.0.0.1:4711/user/front#123";

    private string Hash() => Convert.ToHexStringLower(Drawn(32));

    private ulong Bits() => BitConverter.ToUInt64(Drawn(8));

    private long Number() => random.Next(3) == 0 ? (long)(Bits() >> (1 + random.Next(63))) : random.Next(10);

    private int Count() => random.Next(3) == 0 ? random.Next() : random.Next(10);

    private int Attempt() => random.Next(1, 4);

    private double Loss() => random.Next(10) switch
    {
        0 => double.NaN,
        1 => double.PositiveInfinity,
        2 => 0,
        _ => random.NextDouble() * Math.Pow(10, random.Next(-300, 300)),
    };

    private byte[] Drawn(int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
