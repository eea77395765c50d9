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

    /// <inheritdoc/>
    public IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now) => message switch
    {
        Started or ListAgain => startsJobs ? [new ListJobs()] : [],
        JobsListed { Jobs: var jobs } =>
        [
            .. jobs.Select(job => new StartJob(job)),
            new StartTimer("list", s_listEvery, new ListAgain()),
        ],
        HiredFrom hired => OnHire(hired, now),
        FromPeer { Body: Wire.Register register } => OnRegister(register, now),
        _ => throw new InvalidOperationException($"a registry does not know {message.GetType().Name}"),
    };

    private ListJobs[] OnHire(HiredFrom hired, DateTimeOffset now)
    {
        var (front, hire) = (hired.Front, hired.Hire);
        if (ProtocolVersion.WhyNot(hire.Version) is not null)
        {
            return [];
        }

        if (!hire.Ends)
        {
            _staffing.Wants(hire.Job, front, now);
            return [];
        }

        // If it is not done it is to go on elsewhere at once.
        _staffing.Ends(hire.Job, front);
        return startsJobs ? [new ListJobs()] : [];
    }

    private Answer[] OnRegister(Wire.Register register, DateTimeOffset now)
    {
        if (ProtocolVersion.WhyNot(register.Version) is { } reason)
        {
            return [new Answer(new Wire.Refuse { Reason = reason })];
        }

        return _staffing.Place(register.Worker, register.Job, register.Coordinator, now) is var (job, front)
            ? [new Answer(new Wire.Employ { Job = job, Coordinator = front })]
            : [];
    }

    private sealed record ListAgain : Message;
}
