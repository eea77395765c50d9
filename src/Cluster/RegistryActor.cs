using Akka.Actor;

namespace RnnLm.Cluster;

/// <summary>The registry of a cluster (<see cref="RegistryBehaviour"/>).</summary>
/// <param name="unfinished">Lists the jobs that ought to run; null where they are started otherwise.</param>
/// <param name="start">Has one started, if it does not run.</param>
/// <param name="work">Where they are listed.</param>
/// <param name="say">Takes what is said to whoever watches this process.</param>
internal sealed class RegistryActor(
    Func<IReadOnlyList<string>>? unfinished,
    Action<string> start,
    IWorkQueue work,
    Action<string> say)
    : BehaviourActor(new ActorId("registry"), new RegistryBehaviour(unfinished is not null), work, watcher: null)
{
    /// <inheritdoc/>
    protected override void PostStop()
    {
        if (Failure is { } cause)
        {
            say($"the registry has failed and is begun anew: {cause.Message}");
        }
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Wire.Hire hire:
                Take(new HiredFrom(Akka.Serialization.Serialization.SerializedActorPath(Sender), hire));
                break;
            case Wire.Register register:
                Take(new FromPeer(register));
                break;
            default:
                base.OnReceive(message);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void CarryOut(Effect effect, Action<Message> answer)
    {
        switch (effect)
        {
            case Answer { Body: var body }:
                Sender.Tell(body);
                break;
            case ListJobs:
                // Storage that cannot be read now is read again later; not on the threads that hash and copy, which
                // would stand still with it.
                Task.Run(unfinished!).PipeTo(
                    Self, success: jobs => new JobsListed(jobs), failure: _ => new JobsListed([]));
                break;
            case StartJob { Job: var job }:
                start(job);
                break;
            default:
                throw new InvalidOperationException($"a registry has no effect {effect.GetType().Name}");
        }
    }
}
