namespace RnnLm.Shared;

/// <summary>What an actor can be told. Messages are immutable; bulk payloads in them are owned by the receiver.</summary>
public abstract record Message;
