namespace RnnLm.Shared;

/// <summary>What a behaviour asks its engine to do; it does nothing itself.</summary>
public abstract record Effect;

/// <summary>Deliver <paramref name="Message"/> to <paramref name="To"/>, at most once, in order between one pair.</summary>
public sealed record Send(ActorId To, Message Message) : Effect;

/// <summary>Deliver <paramref name="Message"/> to this actor after <paramref name="After"/>; replaces a running timer of that name.</summary>
public sealed record StartTimer(string Name, TimeSpan After, Message Message) : Effect;

/// <summary>Forget the timer of that name, if it runs.</summary>
public sealed record CancelTimer(string Name) : Effect;

/// <summary>
/// Run <paramref name="Work"/> off the actor and deliver what it returns to this actor. If it throws, the actor stops as if its behaviour had thrown.
/// </summary>
/// <param name="Name">For logs.</param>
/// <param name="Work">Touches nothing of the actor's state but what it was given.</param>
public sealed record RunWork(string Name, Func<Message> Work) : Effect;

/// <summary>Stop this actor; those who watch it are told.</summary>
/// <param name="Failure">Null when it stops because its work is done.</param>
public sealed record StopActor(Exception? Failure) : Effect;
