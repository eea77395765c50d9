namespace RnnLm.Cluster;

/// <summary>List the jobs that ought to run; answered by <see cref="JobsListed"/>.</summary>
internal sealed record ListJobs : Effect;

/// <summary>Have a job started, unless it runs.</summary>
internal sealed record StartJob(string Job) : Effect;

/// <summary>The jobs that ought to run; none where they cannot be listed.</summary>
internal sealed record JobsListed(IReadOnlyList<string> Jobs) : Message;

/// <summary>A coordinator wants workers.</summary>
/// <param name="Front">Path of the actor that has said so: where they apply.</param>
/// <param name="Hire">What it has said.</param>
internal sealed record HiredFrom(string Front, Wire.Hire Hire) : Message;

/// <summary>
/// Sends the worker processes that register to the coordinators that want workers, and has the jobs of the run storage
/// started that are not done. It remembers nothing that they do not tell it again every few seconds, so that it may be
/// lost and begun anew elsewhere.
/// </summary>
/// <param name="startsJobs">Whether it has jobs started; else that is done otherwise.</param>
internal sealed class RegistryBehaviour(bool startsJobs) : IBehaviour
{
    private static readonly TimeSpan s_listEvery = TimeSpan.FromSeconds(2);

    private readonly Staffing _staffing = new();
    private bool _isListing;
    private bool _isAskedMeanwhile;

    /// <inheritdoc/>
    public IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now) => message switch
    {
        Started or ListAgain => List(),
        JobsListed { Jobs: var jobs } => OnListed(jobs),
        HiredFrom hired => OnHire(hired, now),
        FromPeer { Body: Wire.Register register } => OnRegister(register, now),
        _ => throw new InvalidOperationException($"a registry does not know {message.GetType().Name}"),
    };

    private Effect[] OnHire(HiredFrom hired, DateTimeOffset now)
    {
        var (front, hire) = (hired.Front, hired.Hire);
        if (ProtocolVersion.WhyNot(hire.Version) is not null ||
            !Translation.AreShort(hire.Job, hire.Numerics, hire.Cell))
        {
            return [];
        }

        if (!hire.Ends)
        {
            _staffing.Wants(hire, front, now);
            return [];
        }

        // If it is not done it is to go on elsewhere at once.
        _staffing.Ends(hire.Job, front);
        return List();
    }

    /// <summary>One at a time: a storage that does not answer keeps one thread, not all.</summary>
    private ListJobs[] List()
    {
        _isAskedMeanwhile |= _isListing;
        if (!startsJobs || _isListing)
        {
            return [];
        }

        _isListing = true;
        return [new ListJobs()];
    }

    private List<Effect> OnListed(IReadOnlyList<string> jobs)
    {
        bool isAsked = _isAskedMeanwhile;
        _isListing = _isAskedMeanwhile = false;
        List<Effect> effects = [.. jobs.Select(job => new StartJob(job))];
        effects.AddRange(isAsked ? List() : [new StartTimer("list", s_listEvery, new ListAgain())]);
        return effects;
    }

    private Answer[] OnRegister(Wire.Register register, DateTimeOffset now)
    {
        if ((ProtocolVersion.WhyNot(register.Version) ?? WorkerName.WhyNot(register.Worker)) is { } reason)
        {
            return [new Answer(new Wire.Refuse { Reason = reason, ByRegistry = true })];
        }

        return _staffing.Place(register, now) is var (job, front)
            ? [new Answer(new Wire.Employ { Job = job, Coordinator = front })]
            : _staffing.WhyIdle(register) is { } lacking
                ? [new Answer(new Wire.Refuse { Reason = lacking, ByRegistry = true })]
                : [];
    }

    private sealed record ListAgain : Message;
}
