namespace RnnLm.Shared;

/// <summary>
/// A pure state machine: no blocking, no clock, no files, no sockets, no randomness. An engine gives it one message at a time and carries out the effects in order.
/// </summary>
public interface IBehaviour
{
    /// <summary>Takes one message and says what shall be done. If it throws, the actor stops.</summary>
    IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now);
}
