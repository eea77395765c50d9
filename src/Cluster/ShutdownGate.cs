using Akka;
using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;

namespace RnnLm.Cluster;

/// <summary>
/// Keeps an actor system alive of which a connection to another process could not be secured. Akka.NET begins its
/// coordinated shutdown for that, whoever is at fault: a worker that was killed during a TLS handshake would end its
/// coordinator. A shutdown can be begun once only, so that one waits in its first phase until there is a better reason.
/// </summary>
internal sealed class ShutdownGate
{
    private readonly TaskCompletionSource<Done> _reason = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Stands before the shutdown of an actor system.</summary>
    public ShutdownGate(ActorSystem system)
    {
        var shutdown = CoordinatedShutdown.Get(system);
        shutdown.AddTask(
            CoordinatedShutdown.PhaseBeforeServiceUnbind,
            "gate",
            () => IsOfRemoting(shutdown.ShutdownReason) ? _reason.Task : Task.FromResult(Done.Instance));
    }

    /// <summary>There is a reason to shut down.</summary>
    public void Open() => _reason.TrySetResult(Done.Instance);

    /// <summary>To be taken for dead by the other members is one.</summary>
    public void OpenWhenOutOf(Akka.Cluster.Cluster cluster) => cluster.System.ActorOf(
        Props.Create(() => new MembershipWatch(cluster, this)), "membership-watch");

    /// <summary>Its only one is the TLS handshake that failed, of which it does not show the type.</summary>
    private static bool IsOfRemoting(CoordinatedShutdown.Reason reason) =>
        reason.GetType().Assembly == typeof(RemoteTransportException).Assembly;

    private sealed class MembershipWatch : ReceiveActor
    {
        private readonly Akka.Cluster.Cluster _cluster;

        public MembershipWatch(Akka.Cluster.Cluster cluster, ShutdownGate gate)
        {
            _cluster = cluster;
            Receive<ClusterEvent.MemberStatusChange>(
                change => change.Member.UniqueAddress.Equals(cluster.SelfUniqueAddress), _ => gate.Open());
        }

        protected override void PreStart() => _cluster.Subscribe(
            Self, typeof(ClusterEvent.MemberDowned), typeof(ClusterEvent.MemberExited),
            typeof(ClusterEvent.MemberRemoved));
    }
}
