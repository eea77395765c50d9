using Akka.Actor;

namespace RnnLm.Cluster;

/// <summary>What a worker is told of the run that it works for.</summary>
/// <param name="Name">What the registry calls it.</param>
/// <param name="JobHash">Of its job.</param>
/// <param name="Incarnation">Of its coordinator.</param>
/// <param name="Numerics">The job's: <c>cpu</c> or <c>cuda</c>.</param>
/// <param name="AllowMixed">Whether workers of other numerics may work.</param>
/// <param name="Extent">Model and shards.</param>
internal sealed record RunFacts(
    string Name, string JobHash, long Incarnation, string Numerics, bool AllowMixed, RunExtent Extent);

/// <summary>
/// Where workers of other processes apply to a coordinator: each that may work gets a link
/// (<see cref="WorkerLinkBehaviour"/>), one that may not is told what differs.
/// </summary>
/// <param name="facts">Of the run.</param>
/// <param name="coordinator">Whom they work for.</param>
/// <param name="transfers">The bulk plane of this process.</param>
/// <param name="bulk">Its address: host:port.</param>
/// <param name="work">Hashes and copies.</param>
/// <param name="registry">Is told, every few seconds, that workers are wanted here.</param>
internal sealed class FrontActor(
    RunFacts facts,
    IActorRef coordinator,
    BulkTransfers transfers,
    string bulk,
    IWorkQueue work,
    IActorRef registry) : UntypedActor, IWithTimers
{
    private readonly Dictionary<string, IActorRef> _links = new(StringComparer.Ordinal);
    private int _applications;

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <inheritdoc/>
    protected override SupervisorStrategy SupervisorStrategy() => new StoppingSupervisorStrategy().Create();

    /// <inheritdoc/>
    protected override void PreStart()
    {
        Context.Watch(coordinator);
        Timers.StartPeriodicTimer(
            nameof(Announce), new Announce(), TimeSpan.Zero, EmploymentBehaviour.RegisterEvery);
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Announce:
                registry.Tell(new Wire.Hire { Version = ProtocolVersion.Current, Job = facts.Name });
                break;
            case Akka.Actor.Terminated:
                Context.Stop(Self);
                break;
            case Wire.Apply apply when WhyNot(apply) is { } reason:
                Sender.Tell(new Wire.Refuse { Reason = reason });
                break;
            case Wire.Apply apply:
                Engage(apply);
                break;
        }
    }

    private string? WhyNot(Wire.Apply apply) =>
        ProtocolVersion.WhyNot(apply.Version) is { } version ? version
        : !WorkerName.IsOne(apply.Worker) ? WorkerName.Rule
        : apply.Numerics != facts.Numerics && !facts.AllowMixed
            ? $"it computes with {apply.Numerics}, the run with {facts.Numerics} (--allow-mixed lets it work)"
        : null;

    private void Engage(Wire.Apply apply)
    {
        if (_links.Remove(apply.Worker, out var old))
        {
            // The process has been started anew, or has lost its connection.
            Context.Stop(old);
        }

        var worker = new ActorId(apply.Worker);
        var link = Context.ActorOf(
            Props.Create(() => new LinkActor(
                worker,
                new WorkerLinkBehaviour(worker, facts.Extent, facts.Incarnation),
                transfers,
                facts.Extent,
                work,
                coordinator,
                new Peer(null, Sender.Path.Address, apply.Bulk, apply.Host))).WithMailbox("bounded-mailbox"),
            $"link-{++_applications}");
        _links[apply.Worker] = link;
        var model = facts.Extent.Model;
        Sender.Tell(
            new Wire.Engage
            {
                Version = ProtocolVersion.Current,
                Incarnation = facts.Incarnation,
                JobHash = facts.JobHash,
                Model = new Wire.Model
                {
                    VocabularySize = model.VocabularySize,
                    Dimension = model.Dimension,
                    Layers = model.Layers,
                    PaddingId = model.PaddingId,
                },
                Shards = facts.Extent.Shards,
                Bulk = bulk,
                Host = SharedMemory.Host,
            },
            link);
    }

    private sealed record Announce;
}
