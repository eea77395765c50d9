using Akka.Actor;

namespace RnnLm.Shared;

/// <summary>
/// The actor around a behaviour: <see cref="Send"/> becomes Tell, timers are Akka's, work runs on threads of its own
/// and comes back as a message. A behaviour or work that throws stops the actor; who watches it learns the cause.
/// </summary>
/// <param name="self">Its name among the actors of the run.</param>
/// <param name="behaviour">What decides.</param>
/// <param name="work">Where <see cref="RunWork"/> runs; null for a behaviour that asks for none.</param>
/// <param name="watcher">Who is told that this actor exists and why it stopped; null for nobody.</param>
public abstract class BehaviourActor(ActorId self, IBehaviour behaviour, IWorkQueue? work, IActorRef? watcher)
    : UntypedActor, IWithTimers
{
    private readonly Dictionary<ActorId, IActorRef> _addresses = [];
    private readonly Dictionary<IActorRef, Exception?> _causes = [];

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>Its name among the actors of the run.</summary>
    protected ActorId Id { get; } = self;

    /// <summary>Why the actor stops; null when its work is done.</summary>
    protected Exception? Failure { get; private set; }

    /// <summary>Whether it stops because its behaviour or its work said so. Else its actor system has ended.</summary>
    protected bool HasEnded { get; private set; }

    /// <summary>Begins an effect that only this kind of actor has, without blocking.</summary>
    /// <param name="effect">What to do.</param>
    /// <param name="answer">Tells this actor a result; for any thread, any time later.</param>
    protected abstract void CarryOut(Effect effect, Action<Message> answer);

    /// <summary>What is run of a behaviour's work: the work itself, unless somebody wants to know of it.</summary>
    protected virtual Func<Message> WorkOf(RunWork run) => run.Work;

    /// <summary>Runs work off the actor; what it returns comes back as a message.</summary>
    protected void Run(Func<Message> run) => work!.Run(run).PipeTo(Self, Self, failure: cause => new Failed(cause));

    /// <summary>The same for work that waits for others meanwhile.</summary>
    protected void RunAsync<T>(Func<Task<T>> run)
        where T : Message =>
        work!.Run(run).Unwrap().PipeTo(Self, Self, failure: cause => new Failed(cause));

    /// <inheritdoc/>
    protected override void PreStart()
    {
        if (watcher is not null)
        {
            _addresses[ActorId.Coordinator] = watcher;
            watcher.Tell(new Hello(Id));
        }

        Take(new Started());
    }

    /// <summary>The farewell is in the watcher's mailbox before Akka's word that this actor is gone.</summary>
    protected override void PostStop() => watcher?.Tell(new Farewell(Failure));

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Message known:
                Take(known);
                break;
            case Hello hello:
                _addresses[hello.Actor] = Context.Watch(Sender);
                break;
            case Farewell farewell:
                _causes[Sender] = farewell.Cause;
                break;
            case Failed failed:
                Stop(failed.Cause);
                break;
            case Akka.Actor.Terminated { ActorRef: var gone }:
                _causes.Remove(gone, out var cause);
                foreach (var (id, _) in _addresses.Where(entry => entry.Value.Equals(gone)).ToArray())
                {
                    _addresses.Remove(id);
                    Take(new Terminated(id, cause));
                }

                break;
            default:
                Unhandled(message);
                break;
        }
    }

    /// <summary>Gives the behaviour a message and carries out what it says.</summary>
    protected void Take(Message message)
    {
        try
        {
            // Monotonic: a clock that somebody sets makes nobody late.
            var now = DateTimeOffset.UnixEpoch + Context.System.Scheduler.HighResMonotonicClock;
            foreach (var effect in behaviour.Handle(message, now))
            {
                CarryOut(effect);
            }
        }
#pragma warning disable CA1031 // Whatever a behaviour throws is the actor's end; those who watch it get the cause.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Stop(failure);
        }
    }

    private void CarryOut(Effect effect)
    {
        switch (effect)
        {
            case Send send when _addresses.TryGetValue(send.To, out var address):
                address.Tell(send.Message, Self);
                break;
            case Send send:
                send.Message.Release();
                break;
            case StartTimer timer:
                Timers.StartSingleTimer(timer.Name, timer.Message, timer.After);
                break;
            case CancelTimer timer:
                Timers.Cancel(timer.Name);
                break;
            case RunWork run:
                Run(WorkOf(run));
                break;
            case StopActor stop:
                Stop(stop.Failure);
                break;
            default:
                var self = Self;
                CarryOut(effect, message => self.Tell(message, self));
                break;
        }
    }

    private void Stop(Exception? cause)
    {
        HasEnded = true;
        Failure ??= cause;
        Context.Stop(Self);
    }
}

/// <summary>Actor → watcher: I am reachable where this comes from; watch me.</summary>
public sealed record Hello(ActorId Actor);

/// <summary>Actor → watcher: I stop, and why. Akka's own word of it, which follows, has no cause.</summary>
public sealed record Farewell(Exception? Cause);

/// <summary>To an actor from its own work or mailbox: end with this cause.</summary>
public sealed record Failed(Exception Cause);
