using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Dispatch.SysMsg;
using Akka.Event;

namespace RnnLm.Tests;

/// <summary>
/// Hosts the product's own actors in a simulation: an actor system a process, in which whoever tells something also
/// runs the receiver, and whose timers and work are the simulation's. Use it on a thread without a synchronization
/// context, or what work returns is told by another thread.
/// </summary>
internal sealed class ActorHosting : IHosting
{
    private static readonly Config s_configuration = ConfigurationFactory.ParseString($$"""
        {{ActorHost.Configuration}}
        akka {
          scheduler.implementation = "{{typeof(VirtualScheduler).AssemblyQualifiedName}}"
          actor {
            default-dispatcher.type = "Akka.TestKit.CallingThreadDispatcherConfigurator, Akka.TestKit"
            internal-dispatcher.type = "Akka.TestKit.CallingThreadDispatcherConfigurator, Akka.TestKit"
          }
        }
        """);

    private readonly Dictionary<SimulatedProcess, ActorSystem> _systems = [];
    private readonly Dictionary<(SimulatedActor From, SimulatedActor? To), Link> _links = [];

    /// <inheritdoc/>
    public IHost Start(SimulatedWorker worker, IDevice device) =>
        new Host(this, worker, SystemOf(worker).Spawn<WorkerActor>(worker.Id, worker.Id, device, LinkOf(worker, null)));

    /// <inheritdoc/>
    public IHost Start(SimulatedNode node, NodeBehaviour behaviour)
    {
        var actor = SystemOf(node).Spawn<NodeActor>(
            node.Id, node.Id, behaviour, new VirtualWork(node), LinkOf(node, null));
        foreach (var worker in node.Workers)
        {
            // What a worker's actor says first, before it is ready.
            actor.Tell(new Hello(worker.Id), LinkOf(node, worker));
        }

        return new Host(this, node, actor);
    }

    /// <inheritdoc/>
    public IHost Start(SimulatedCoordinator coordinator, CoordinatorBehaviour behaviour, IRunRecorder recorder)
    {
        var end = new TaskCompletionSource();
        end.Task.ContinueWith(
            ended => coordinator.Process.Attempt(() => coordinator.Stop(ended.Exception?.InnerException)),
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        var actor = SystemOf(coordinator).Spawn<CoordinatorActor>(
            ActorId.Coordinator, behaviour, recorder, new VirtualWork(coordinator), end, null);
        _ = recorder.LeaseLost.PipeTo(actor, success: lost => new LeaseLost(lost));
        return new Host(this, coordinator, actor);
    }

    private ActorSystem SystemOf(SimulatedActor actor)
    {
        if (!_systems.TryGetValue(actor.Process, out var system))
        {
            VirtualScheduler.Starting = (actor.World, actor.Process);
            _systems[actor.Process] = system = ActorSystem.Create("simulated", s_configuration);
            ActorHost.ReleaseUndelivered(system);
        }

        return system;
    }

    private Link LinkOf(SimulatedActor from, SimulatedActor? to)
    {
        if (!_links.TryGetValue((from, to), out var link))
        {
            var provider = ((ExtendedActorSystem)SystemOf(from)).Provider;
            _links[(from, to)] = link = new Link(from, to, _links.Count, provider);
        }

        return link;
    }

    /// <summary>Tells an actor what the simulation delivers.</summary>
    private sealed class Host(ActorHosting hosting, SimulatedActor actor, IActorRef address) : IHost
    {
        /// <inheritdoc/>
        public void Tell(Message message, SimulatedActor? sender)
        {
            var from = sender is null ? ActorRefs.NoSender : hosting.LinkOf(actor, sender);
            if (message is Join join)
            {
                address.Tell(new Hello(join.Worker), from);
            }

            address.Tell(message, from);
        }

        /// <inheritdoc/>
        public void TellGone(SimulatedActor gone)
        {
            var link = hosting.LinkOf(actor, gone);
            if (gone.IsStopped)
            {
                address.Tell(new Farewell(gone.Failure), link);
            }

            ((IInternalActorRef)address).SendSystemMessage(
                new DeathWatchNotification(link, existenceConfirmed: true, addressTerminated: false));
        }
    }

    /// <summary>What an actor knows as the address of another: the way to it is the simulated network.</summary>
    /// <param name="from">Whose.</param>
    /// <param name="to">The other; null for the coordinator that a worker has been told of last.</param>
    /// <param name="number">Makes its path its own.</param>
    /// <param name="provider">Of the actor system that it is used in.</param>
    private sealed class Link(SimulatedActor from, SimulatedActor? to, int number, IActorRefProvider provider)
        : MinimalActorRef
    {
        /// <inheritdoc/>
        public override ActorPath Path { get; } = new RootActorPath(Address.AllSystems) / "link" / $"{number}";

        /// <inheritdoc/>
        public override IActorRefProvider Provider => provider;

        /// <inheritdoc/>
        public override void SendSystemMessage(ISystemMessage message)
        {
        }

        /// <inheritdoc/>
        protected override void TellInternal(object message, IActorRef sender)
        {
            switch (message)
            {
                case Message sent when (to ?? from.Route(ActorId.Coordinator, sent)) is { } receiver:
                    from.Send(receiver, sent);
                    break;
                case Message lost:
                    lost.Release();
                    break;
                case Farewell farewell:
                    from.Stop(farewell.Cause);
                    break;
            }
        }
    }

    /// <summary>Work of a coordinator on virtual time; it may write files.</summary>
    private sealed class VirtualWork(SimulatedActor actor) : IWorkQueue
    {
        /// <inheritdoc/>
        public Task<T> Run<T>(Func<T> work)
        {
            var done = new TaskCompletionSource<T>();
            actor.Process.Work(work, mayBlock: true, result =>
            {
                actor.Observe((Message)(object)result!);
                done.SetResult(result);
            });
            return done.Task;
        }
    }

    /// <summary>Akka's timers by the clock of a simulated process.</summary>
    private sealed class VirtualScheduler : SchedulerBase
    {
        [ThreadStatic]
        private static (World World, SimulatedProcess Process) s_starting;

        private readonly World _world;
        private readonly SimulatedProcess _process;

        public VirtualScheduler(Config config, ILoggingAdapter log)
            : base(config, log) => (_world, _process) = s_starting;

        /// <summary>Whose the actor system is that is created next on this thread.</summary>
        public static (World World, SimulatedProcess Process) Starting
        {
            set => s_starting = value;
        }

        /// <inheritdoc/>
        public override TimeSpan MonotonicClock => HighResMonotonicClock;

        /// <inheritdoc/>
        public override TimeSpan HighResMonotonicClock => _process.Clock - DateTimeOffset.UnixEpoch;

        /// <inheritdoc/>
        protected override DateTimeOffset TimeNow => _process.Clock;

        /// <inheritdoc/>
        protected override void InternalScheduleTellOnce(
            TimeSpan delay, ICanTell receiver, object message, IActorRef sender, ICancelable cancelable) =>
            _process.PostByOwnClock(delay, () =>
            {
                if (!cancelable.IsCancellationRequested)
                {
                    // Akka wraps what a timer tells in a type of its own, which has the timer's name.
                    object? name = message.GetType().GetProperty("Key")?.GetValue(message);
                    _world.Note(((IActorRef)receiver).Path.Name, $"timer {name}");
                    receiver.Tell(message, sender);
                }
            });

        /// <inheritdoc/>
        protected override void InternalScheduleTellRepeatedly(
            TimeSpan initialDelay,
            TimeSpan interval,
            ICanTell receiver,
            object message,
            IActorRef sender,
            ICancelable cancelable) => throw new NotSupportedException();

        /// <inheritdoc/>
        protected override void InternalScheduleOnce(TimeSpan delay, Action action, ICancelable cancelable) =>
            throw new NotSupportedException();

        /// <inheritdoc/>
        protected override void InternalScheduleOnce(TimeSpan delay, IRunnable action, ICancelable cancelable) =>
            throw new NotSupportedException();

        /// <inheritdoc/>
        protected override void InternalScheduleRepeatedly(
            TimeSpan initialDelay, TimeSpan interval, Action action, ICancelable cancelable) =>
            throw new NotSupportedException();

        /// <inheritdoc/>
        protected override void InternalScheduleRepeatedly(
            TimeSpan initialDelay, TimeSpan interval, IRunnable action, ICancelable cancelable) =>
            throw new NotSupportedException();
    }
}
