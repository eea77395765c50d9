using Akka.Actor;

namespace RnnLm.Cluster;

/// <summary>
/// Sends the worker processes that register to the coordinators that want workers, and has the jobs of the run storage
/// started that are not done. It remembers nothing that they do not tell it again every few seconds, so that it may be
/// lost and begun anew elsewhere.
/// </summary>
/// <param name="unfinished">Lists the jobs that ought to run; null where they are started otherwise.</param>
/// <param name="start">Has one started, if it does not run.</param>
/// <param name="work">Where they are listed.</param>
/// <param name="time">The clock.</param>
internal sealed class RegistryActor(
    Func<IReadOnlyList<string>>? unfinished, Action<string> start, IWorkQueue work, TimeProvider time)
    : UntypedActor, IWithTimers
{
    private static readonly TimeSpan s_listEvery = TimeSpan.FromSeconds(2);

    private readonly Staffing _staffing = new();

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <inheritdoc/>
    protected override void PreStart()
    {
        if (unfinished is not null)
        {
            Timers.StartSingleTimer(nameof(ListJobs), new ListJobs(), TimeSpan.Zero);
        }
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ListJobs:
                work.Run(unfinished!).PipeTo(
                    Self, success: jobs => new JobsListed(jobs), failure: _ => new JobsListed([]));
                break;
            case JobsListed { Jobs: var jobs }:
                foreach (string job in jobs)
                {
                    start(job);
                }

                Timers.StartSingleTimer(nameof(ListJobs), new ListJobs(), s_listEvery);
                break;
            case Wire.Hire hire when ProtocolVersion.WhyNot(hire.Version) is null:
                string front = Akka.Serialization.Serialization.SerializedActorPath(Sender);
                _staffing.Wants(hire.Job, front, time.GetUtcNow());
                break;
            case Wire.Register register when ProtocolVersion.WhyNot(register.Version) is { } reason:
                Sender.Tell(new Wire.Refuse { Reason = reason });
                break;
            case Wire.Register register:
                var (job1, coordinator) = (register.Job, register.Coordinator);
                if (_staffing.Place(register.Worker, job1, coordinator, time.GetUtcNow()) is var (job2, at))
                {
                    Sender.Tell(new Wire.Employ { Job = job2, Coordinator = at });
                }

                break;
        }
    }

    private sealed record ListJobs;

    private sealed record JobsListed(IReadOnlyList<string> Jobs);
}
