using Google.Protobuf;

namespace RnnLm.Cluster;

/// <summary>What a worker is told of the run that it works for.</summary>
/// <param name="Name">What the registry calls it.</param>
/// <param name="Run">Identity of its run: another of the same job has other versions.</param>
/// <param name="JobHash">Of its job.</param>
/// <param name="Incarnation">Of its coordinator.</param>
/// <param name="Numerics">The job's: <c>cpu</c> or <c>cuda</c>.</param>
/// <param name="AllowMixed">Whether workers of other numerics may work.</param>
/// <param name="Extent">Model and shards.</param>
/// <param name="Bulk">host:port of the coordinator's bulk plane.</param>
/// <param name="Host">Identity of its host, where processes share memory; empty if they do not.</param>
internal sealed record RunFacts(
    string Name,
    string Run,
    string JobHash,
    long Incarnation,
    string Numerics,
    bool AllowMixed,
    RunExtent Extent,
    string Bulk,
    string Host);

/// <summary>Answer whoever has sent what is being handled.</summary>
internal sealed record Answer(IMessage Body) : Effect;

/// <summary>Make a link to the worker that applies, in the place of one that it had; engage it from there.</summary>
internal sealed record OpenLink(Wire.Apply Application, Wire.Engage Engagement) : Effect;

/// <summary>
/// Where workers of other processes apply to a coordinator: each that may work gets a link
/// (<see cref="WorkerLinkBehaviour"/>), one that may not is told what differs.
/// </summary>
/// <param name="facts">Of the run.</param>
internal sealed class FrontBehaviour(RunFacts facts) : IBehaviour
{
    private readonly Wire.Model _model = Translation.ToWire(facts.Extent.Model);

    /// <inheritdoc/>
    public IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now) => message switch
    {
        Started or AnnounceAgain =>
        [
            new ToRegistry(Hire()),
            new StartTimer("announce", EmploymentBehaviour.RegisterEvery, new AnnounceAgain()),
        ],
        Terminated =>
        [
            new ToRegistry(Hire(ends: true)),
            new StopActor(null),
        ],
        FromPeer { Body: Wire.Apply apply } when WhyNot(apply) is { } reason =>
            [new Answer(new Wire.Refuse { Reason = reason })],
        FromPeer { Body: Wire.Apply apply } => [new OpenLink(apply, Engagement())],
        _ => throw new InvalidOperationException($"a front does not know {message.GetType().Name}"),
    };

    private Wire.Hire Hire(bool ends = false) => new()
    {
        Version = ProtocolVersion.Current,
        Job = facts.Name,
        Numerics = facts.AllowMixed ? string.Empty : facts.Numerics,
        Cell = _model.Cell,
        Ends = ends,
    };

    private string? WhyNot(Wire.Apply apply) =>
        (ProtocolVersion.WhyNot(apply.Version) ?? WorkerName.WhyNot(apply.Worker)) is { } reason ? reason
        : !Translation.AreShort(apply.Numerics, apply.Bulk, apply.Host) ? "what it says of itself is too long"
        : apply.Numerics != facts.Numerics && !facts.AllowMixed
            ? $"it computes with {Translation.Text(apply.Numerics)}, the run with {facts.Numerics} " +
                "(train --allow-mixed lets it work)"
        : Translation.WhyNot(_model.Cell, apply.Cells);

    private Wire.Engage Engagement() => new()
    {
        Version = ProtocolVersion.Current,
        Incarnation = facts.Incarnation,
        JobHash = facts.JobHash,
        Model = _model,
        Shards = facts.Extent.Shards,
        Bulk = facts.Bulk,
        Host = facts.Host,
        Run = facts.Run,
    };

    private sealed record AnnounceAgain : Message;
}
