using Akka.Actor;
using Akka.Configuration;
using Akka.Event;

namespace RnnLm.Shared;

/// <summary>The actor system of one process: quiet, local, with bounded mailboxes and no restarts.</summary>
public static class ActorHost
{
    /// <summary>
    /// Standard output is the product's, so Akka writes nothing: a failure reaches the user through whoever watches the
    /// actor. An actor that fails is stopped, for a restart would lose its state without a word. A mailbox has room for
    /// everything that one step and its evaluation send; the protocol has a handful of messages a worker under way.
    /// </summary>
    public const string Configuration = """
        akka {
          loglevel = OFF
          stdout-loglevel = OFF
          loggers = []
          log-dead-letters = off
          actor.guardian-supervisor-strategy = "Akka.Actor.StoppingSupervisorStrategy"
          coordinated-shutdown.run-by-clr-shutdown-hook = off
        }
        bounded-mailbox {
          mailbox-type = "RnnLm.Shared.BoundedMailbox, RnnLm.Shared"
          mailbox-capacity = 16384
        }
        """;

    /// <summary>Starts the actor system.</summary>
    public static ActorSystem Start()
    {
        var system = ActorSystem.Create("rnnlm", ConfigurationFactory.ParseString(Configuration));
        ReleaseUndelivered(system);
        return system;
    }

    /// <summary>What nobody will receive gives its buffers back from now on.</summary>
    public static void ReleaseUndelivered(ActorSystem system)
    {
        ArgumentNullException.ThrowIfNull(system);
        system.EventStream.Subscribe(system.ActorOf(Props.Create<Undelivered>(), "undelivered"), typeof(DeadLetter));
    }

    /// <summary>Starts an actor with a bounded mailbox.</summary>
    /// <param name="system">Where.</param>
    /// <param name="id">Its name, not in use.</param>
    /// <param name="arguments">For the constructor of <typeparamref name="TActor"/>.</param>
    public static IActorRef Spawn<TActor>(this ActorSystem system, ActorId id, params object?[] arguments)
        where TActor : BehaviourActor
    {
        ArgumentNullException.ThrowIfNull(system);
        return system.ActorOf(Props.Create<TActor>(arguments).WithMailbox("bounded-mailbox"), id.Name);
    }

    private sealed class Undelivered : UntypedActor
    {
        protected override void OnReceive(object message) => ((message as DeadLetter)?.Message as Message)?.Release();
    }
}
