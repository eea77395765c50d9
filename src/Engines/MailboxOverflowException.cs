namespace RnnLm.Engines;

/// <summary>An actor got more messages than its bounded mailbox holds.</summary>
public sealed class MailboxOverflowException(ActorId actor, int capacity)
    : Exception($"The mailbox of {actor} holds {capacity} messages and is full.");
