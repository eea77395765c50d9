namespace RnnLm.Shared;

/// <summary>
/// A pure state machine: no blocking, no clock, no files, no sockets, no randomness. Its host gives it one message at a
/// time and carries out the effects in order.
/// </summary>
public interface IBehaviour
{
    /// <summary>Takes one message and says what shall be done. If it throws, the actor stops.</summary>
    IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now);
}

/// <summary>The address of an actor inside one run: <c>coordinator</c>, <c>worker-0</c>, …</summary>
public readonly record struct ActorId(string Name)
{
    /// <summary>The one coordinator of a run.</summary>
    public static ActorId Coordinator { get; } = new("coordinator");

    /// <summary>Worker number <paramref name="index"/> of this process.</summary>
    public static ActorId Worker(int index) => new($"worker-{index}");

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>What an actor can be told. Messages are immutable; the receiver owns bulk payloads in them.</summary>
public abstract record Message
{
    /// <summary>Gives back the buffers that it owns: called once, and only if nobody will receive it.</summary>
    public virtual void Release()
    {
    }
}

/// <summary>The first message of every actor.</summary>
public sealed record Started : Message;

/// <summary>An actor that this one watches has stopped.</summary>
/// <param name="Actor">Who.</param>
/// <param name="Failure">Why; null when it stopped because its work was done.</param>
public sealed record Terminated(ActorId Actor, Exception? Failure) : Message;

/// <summary>What a behaviour asks its host to do; it does nothing itself.</summary>
public abstract record Effect;

/// <summary>Deliver a message at most once, in order between one pair.</summary>
public sealed record Send(ActorId To, Message Message) : Effect;

/// <summary>Deliver a message to this actor later; replaces a running timer of that name.</summary>
public sealed record StartTimer(string Name, TimeSpan After, Message Message) : Effect;

/// <summary>Forget the timer of that name, if it runs.</summary>
public sealed record CancelTimer(string Name) : Effect;

/// <summary>
/// Run work off the actor and deliver what it returns to this actor. If it throws, the actor stops as if its behaviour
/// had thrown.
/// </summary>
/// <param name="Name">For logs.</param>
/// <param name="Work">Touches nothing of the actor's state but what it was given.</param>
public sealed record RunWork(string Name, Func<Message> Work) : Effect;

/// <summary>Stop this actor; those who watch it are told.</summary>
/// <param name="Failure">Null when it stops because its work is done.</param>
public sealed record StopActor(Exception? Failure) : Effect;
