using System.Diagnostics;
using System.Reflection;
using Akka.Actor;
using Akka.Cluster;
using Akka.Configuration;
using Akka.Event;
using Akka.Remote;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>
/// This process as one more member of the cluster that is measured, with a role of its own, so that it decides nothing:
/// it sees who is a member and who is unreachable, and measures the heartbeats of all others.
/// </summary>
internal sealed class Observer : IAsyncDisposable
{
    private const string Role = "observer";

    private readonly ClusterHost _host;
    private readonly Dictionary<GapRecorder, Address> _nodes = [];
    private readonly Dictionary<Address, List<Gap>> _gaps = [];
    private readonly List<MemberChange> _changes = [];

    private Observer(ClusterHost host)
    {
        _host = host;
        host.System.ActorOf(Props.Create(() => new ChangeActor(_changes)), "changes");
    }

    private Akka.Cluster.Cluster Cluster => Akka.Cluster.Cluster.Get(_host.System);

    /// <summary>What has become of members since the observer joined, in order.</summary>
    public IReadOnlyList<MemberChange> Changes
    {
        get
        {
            lock (_changes)
            {
                return [.. _changes];
            }
        }
    }

    /// <summary>Joins a cluster.</summary>
    /// <param name="bench">Whose files it may write.</param>
    /// <param name="seeds">Members of the cluster.</param>
    /// <param name="profile">Theirs.</param>
    public static Observer Join(Bench bench, IReadOnlyList<ClusterAddress> seeds, ClusterProfile profile)
    {
        string configuration = bench.NewPath("observer");
        File.WriteAllText(
            configuration,
            $"akka.cluster.failure-detector.implementation-class = \"{typeof(GapRecorder).FullName}, " +
            $"{typeof(GapRecorder).Assembly.GetName().Name}\"");
        return new Observer(ClusterHost.StartAsync(new ClusterOptions(Role, ClusterAddress.Loopback, seeds)
        {
            Profile = profile,
            ConfigurationFile = configuration,
        }).GetAwaiter().GetResult());
    }

    /// <summary>The members that are up and can be reached, as this process sees it, by their ports.</summary>
    public IReadOnlyDictionary<int, UniqueAddress> Up()
    {
        var state = Cluster.State;
        return state.Members
            .Where(member => member.Status == MemberStatus.Up && !state.Unreachable.Contains(member))
            .ToDictionary(member => member.Address.Port!.Value, member => member.UniqueAddress);
    }

    /// <summary>
    /// Takes in which detector watches which node, which only the cluster's registry of them knows; to be called every
    /// second or so, since a node that was lost gets another.
    /// </summary>
    public void Look()
    {
        var find = s_find ?? throw new InvalidOperationException("Akka.NET's registry of detectors has changed");
        foreach (var member in Cluster.State.Members)
        {
            if (find.Invoke(Cluster.FailureDetector, [member.Address]) is GapRecorder recorder &&
                _nodes.TryAdd(recorder, member.Address))
            {
                if (!_gaps.TryGetValue(member.Address, out var gaps))
                {
                    _gaps[member.Address] = gaps = [];
                }

                recorder.RecordIn(gaps);
            }
        }
    }

    /// <summary>Times between two heartbeats of a node, by its port.</summary>
    public IReadOnlyDictionary<int, IReadOnlyList<Gap>> Gaps() => _gaps.ToDictionary(
        entry => entry.Key.Port!.Value,
        entry =>
        {
            lock (entry.Value)
            {
                return (IReadOnlyList<Gap>)[.. entry.Value];
            }
        });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await _host.DisposeAsync().ConfigureAwait(false);

    private static readonly MethodInfo? s_find = typeof(DefaultFailureDetectorRegistry<Address>).GetMethod(
        "GetFailureDetector", BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);

    private sealed class ChangeActor : ReceiveActor
    {
        public ChangeActor(List<MemberChange> changes)
        {
            void Add(string what, Member member)
            {
                lock (changes)
                {
                    changes.Add(new MemberChange(
                        Stopwatch.GetTimestamp(), what, member.Address.Port!.Value, string.Join(",", member.Roles)));
                }
            }

            Receive<ClusterEvent.UnreachableMember>(change => Add("unreachable", change.Member));
            Receive<ClusterEvent.ReachableMember>(change => Add("reachable", change.Member));
            Receive<ClusterEvent.MemberUp>(change => Add("up", change.Member));
            Receive<ClusterEvent.MemberDowned>(change => Add("downed", change.Member));
            Receive<ClusterEvent.MemberRemoved>(change => Add("removed", change.Member));
        }

        protected override void PreStart() => Akka.Cluster.Cluster.Get(Context.System).Subscribe(
            Self,
            ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents,
            typeof(ClusterEvent.IReachabilityEvent),
            typeof(ClusterEvent.IMemberEvent));
    }
}

/// <summary>Something that became of a member.</summary>
/// <param name="At">When the observer heard of it.</param>
/// <param name="What">In a word.</param>
/// <param name="Port">The member's.</param>
/// <param name="Role">The member's.</param>
internal sealed record MemberChange(long At, string What, int Port, string Role);

/// <summary>The time between two heartbeats of one node.</summary>
/// <param name="At">When the second came.</param>
/// <param name="Seconds">How long.</param>
internal sealed record Gap(long At, double Seconds);

/// <summary>Akka.NET's failure detector, which also writes down the time between heartbeats.</summary>
/// <param name="configuration">Of the failure detector.</param>
/// <param name="events">Where it warns.</param>
internal sealed class GapRecorder(Config configuration, EventStream events)
    : PhiAccrualFailureDetector(configuration, events)
{
    private long _last;
    private List<Gap>? _gaps;

    /// <summary>Writes down from now on.</summary>
    public void RecordIn(List<Gap> gaps) => Volatile.Write(ref _gaps, gaps);

    /// <inheritdoc/>
    public override void HeartBeat()
    {
        long now = Stopwatch.GetTimestamp();
        long last = Interlocked.Exchange(ref _last, now);
        if (last > 0 && Volatile.Read(ref _gaps) is { } gaps)
        {
            lock (gaps)
            {
                gaps.Add(new Gap(now, Bench.Seconds(last, now)));
            }
        }

        base.HeartBeat();
    }
}
