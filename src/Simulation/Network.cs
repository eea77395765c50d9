namespace RnnLm.Simulation;

/// <summary>
/// Carries messages between actors. Inside one process they are handed over by reference and nothing is lost; between
/// processes bytes travel: the sender's buffers are given back when a message has left, the receiver takes its own when
/// one arrives.
/// </summary>
internal sealed class Network(World world)
{
    private const double LossRate = 0.05;
    private const double DuplicateRate = 0.05;
    private const double DelayRate = 0.05;
    private const double ReorderRate = 0.5;
    private const double GarbleRate = 0.02;

    private static readonly TimeSpan s_local = TimeSpan.FromMicroseconds(5);
    private static readonly TimeSpan s_fast = TimeSpan.FromMicroseconds(200);
    private static readonly TimeSpan s_slow = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_slowest = TimeSpan.FromMinutes(1);

    private readonly Dictionary<(SimulatedActor From, SimulatedActor To), TimeSpan> _lastArrival = [];
    private readonly Dictionary<(SimulatedProcess From, SimulatedProcess To), TimeSpan> _cutUntil = [];

    /// <summary>Nothing gets from one process to the other for a while.</summary>
    public void Cut(SimulatedProcess from, SimulatedProcess to, TimeSpan time)
    {
        _cutUntil[(from, to)] = world.Time.Now + time;
        world.Note("network", $"{from.Name} does not reach {to.Name} for {time.TotalSeconds:F1} s");
    }

    /// <summary>Sends a message; whoever loses it releases it.</summary>
    public void Send(SimulatedActor from, SimulatedActor to, Message message)
    {
        if (from.Process == to.Process)
        {
            from.Process.Post(s_local, () => to.Deliver(message, from));
            return;
        }

        var arrived = Wire(message is Assign assign && HasTokens(assign) && Happens(Faults.Garble, GarbleRate)
            ? Garble(assign)
            : message);
        message.Release();
        if (Happens(Faults.Loss, LossRate))
        {
            return;
        }

        Carry(from, to, arrived);
        if (Happens(Faults.Duplicate, DuplicateRate))
        {
            Carry(from, to, arrived);
        }
    }

    private void Carry(SimulatedActor from, SimulatedActor to, Func<SimulatedProcess, Message> arrived)
    {
        var arrival = world.Time.Now + world.Dice.Between(s_fast, s_slow);
        if (Happens(Faults.Delay, DelayRate))
        {
            arrival += world.Dice.Between(s_slow, s_slowest);
        }

        var last = _lastArrival.GetValueOrDefault((from, to));
        if (arrival < last && !Happens(Faults.Reorder, ReorderRate))
        {
            arrival = last;
        }

        _lastArrival[(from, to)] = arrival > last ? arrival : last;

        to.Process.Post(arrival - world.Time.Now, () =>
        {
            if (_cutUntil.GetValueOrDefault((from.Process, to.Process)) > world.Time.Now)
            {
                world.Count("lost in a partition");
                return;
            }

            to.Deliver(arrived(to.Process), from);
        });
    }

    private bool Happens(Faults fault, double rate)
    {
        bool happens = world.MayFail(fault) && world.Dice.Chance(rate);
        if (happens)
        {
            world.Count(fault.ToString());
        }

        return happens;
    }

    private static bool HasTokens(Assign assign) =>
        assign.Ranges.Count > 0 && assign.Ranges[0].Shards.Any(shard => shard.TargetCount > 0);

    private Assign Garble(Assign assign)
    {
        var range = assign.Ranges[0];
        int vocabulary = world.Scenario.Job.Model.VocabularySize;
        ShardTokens[] shards =
        [
            .. range.Shards.Select(shard => new ShardTokens(
                [.. shard.Ids.Select(id => (id + 1) % vocabulary)], [.. shard.Starts])),
        ];
        return assign with { Ranges = [range with { Shards = shards }, .. assign.Ranges.Skip(1)] };
    }

    /// <summary>What travels of a message, and what the receiver makes of it.</summary>
    private static Func<SimulatedProcess, Message> Wire(Message message)
    {
        switch (message)
        {
            case Publish publish:
                float[] values = publish.Version.Values.Span.ToArray();
                return process =>
                {
                    var buffer = process.Buffers.Rent();
                    values.CopyTo(buffer.Span);
                    return publish with
                    {
                        Version = new ParameterVersion(
                            publish.Version.Version, new CountedBuffer(buffer, process.Buffers)),
                    };
                };
            case RangeResult result:
                var sent = result.Gradient;
                int rowFloats = sent.RowCount * sent.Layout.Embedding.Shape[1];
                float[] dense = sent.IsIdentity ? [] : sent.Dense.Span.ToArray();
                float[] rows = sent.Rows.Span[..rowFloats].ToArray();
                int[] ids = sent.RowIds[..sent.RowCount];
                var (loss, tokens) = (sent.LossSum, sent.TokenCount);
                return process =>
                {
                    var gradient = process.Gradients.Rent();
                    dense.CopyTo(gradient.Dense.Span);
                    rows.CopyTo(gradient.Rows.Span);
                    ids.CopyTo(gradient.RowIds, 0);
                    (gradient.RowCount, gradient.LossSum, gradient.TokenCount) = (ids.Length, loss, tokens);
                    return result with { Gradient = gradient };
                };
            default:
                return _ => message;
        }
    }
}
