namespace RnnLm.Shared;

/// <summary>The first message of every actor.</summary>
public sealed record Started : Message;

/// <summary>An actor that this one watches has stopped.</summary>
/// <param name="Actor">Who.</param>
/// <param name="Failure">Why; null when it stopped because its work was done.</param>
public sealed record Terminated(ActorId Actor, Exception? Failure) : Message;
