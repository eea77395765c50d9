using Google.Protobuf;
using RnnLm.Cluster;

namespace RnnLm.Simulation;

/// <summary>
/// Carries messages between actors. Inside one process they are handed over by reference and nothing is lost; between
/// processes the product's own bytes travel.
/// </summary>
internal sealed class Network(World world)
{
    private const double LossRate = 0.05;
    private const double DuplicateRate = 0.05;
    private const double DelayRate = 0.05;
    private const double ReorderRate = 0.5;
    private const double GarbleRate = 0.02;

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

    /// <summary>Sends a message; between processes it is the body of a <see cref="FromPeer"/> that travels.</summary>
    public void Send(SimulatedActor from, SimulatedActor to, Message message)
    {
        if (from.Process == to.Process)
        {
            from.Process.Post(SimulatedActor.Local, () => to.Deliver(message, from));
            return;
        }

        var body = ((FromPeer)message).Body;
        byte[] bytes = (Happens(body) ? Garble((Wire.Assign)body) : body).ToByteArray();
        if (Happens(Faults.Loss, LossRate))
        {
            return;
        }

        var arrived = new FromPeer(WireSerializer.Read(WireSerializer.ManifestOf(body), bytes));
        Carry(from, to, arrived);
        if (Happens(Faults.Duplicate, DuplicateRate))
        {
            Carry(from, to, arrived);
        }
    }

    /// <summary>Lets something happen in another process, some time later.</summary>
    /// <param name="from">Where it is asked for.</param>
    /// <param name="to">Where it happens.</param>
    /// <param name="happen">What.</param>
    /// <param name="refused">What happens at the first process when the other is no more; null for nothing.</param>
    public void Travel(SimulatedProcess from, SimulatedProcess to, Action happen, Action? refused = null)
    {
        var time = world.Dice.Between(s_fast, s_slow);
        if (to.IsAlive)
        {
            to.Post(time, () => UnlessCut(from, to, happen));
        }
        else if (refused is not null)
        {
            from.Post(time, () => UnlessCut(to, from, refused));
        }
    }

    private void Carry(SimulatedActor from, SimulatedActor to, FromPeer arrived)
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
        to.Process.Post(
            arrival - world.Time.Now, () => UnlessCut(from.Process, to.Process, () => to.Deliver(arrived, from)));
    }

    private void UnlessCut(SimulatedProcess from, SimulatedProcess to, Action happen)
    {
        if (_cutUntil.GetValueOrDefault((from, to)) > world.Time.Now)
        {
            world.Count("lost in a partition");
            return;
        }

        happen();
    }

    /// <summary>Whether a worker gets other tokens than it was sent.</summary>
    private bool Happens(IMessage body) => body is Wire.Assign assign && HasTokens(assign) &&
        Happens(Faults.Garble, GarbleRate);

    private bool Happens(Faults fault, double rate)
    {
        bool happens = world.MayFail(fault) && world.Dice.Chance(rate);
        if (happens)
        {
            world.Count(fault.ToString());
        }

        return happens;
    }

    private static bool HasTokens(Wire.Assign assign) =>
        assign.Ranges.Count > 0 && assign.Ranges[0].Shards.Any(shard => shard.Ids.Count > 0);

    private Wire.Assign Garble(Wire.Assign assign)
    {
        int vocabulary = world.Scenario.Job.Model.VocabularySize;
        var garbled = assign.Clone();
        foreach (var shard in garbled.Ranges[0].Shards)
        {
            for (int i = 0; i < shard.Ids.Count; i++)
            {
                shard.Ids[i] = (shard.Ids[i] + 1) % vocabulary;
            }
        }

        return garbled;
    }
}
