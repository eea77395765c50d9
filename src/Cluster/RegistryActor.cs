using Akka.Actor;

namespace RnnLm.Cluster;

/// <summary>To the registry: workers may be sent to this coordinator.</summary>
/// <param name="Job">Of which job.</param>
/// <param name="Front">Where they apply.</param>
internal sealed record Hire(string Job, IActorRef Front);

/// <summary>
/// Sends the worker processes that register to the coordinators of jobs. It remembers nothing that they do not tell it
/// again every few seconds.
/// </summary>
internal sealed class RegistryActor : UntypedActor
{
    private readonly Dictionary<string, IActorRef> _fronts = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Hire hire:
                _fronts[hire.Job] = Context.Watch(hire.Front);
                break;
            case Akka.Actor.Terminated { ActorRef: var gone }:
                foreach (var (job, _) in _fronts.Where(entry => entry.Value.Equals(gone)).ToArray())
                {
                    _fronts.Remove(job);
                }

                break;
            case Wire.Register register when ProtocolVersion.WhyNot(register.Version) is { } reason:
                Sender.Tell(new Wire.Refuse { Reason = reason });
                break;
            case Wire.Register register:
                Employ(register);
                break;
        }
    }

    private void Employ(Wire.Register register)
    {
        string? job = _fronts.ContainsKey(register.Job) ? register.Job : _fronts.Keys.FirstOrDefault();
        if (job is null)
        {
            return;
        }

        string front = Serialization(_fronts[job]);
        if (front != register.Coordinator)
        {
            Sender.Tell(new Wire.Employ { Job = job, Coordinator = front });
        }
    }

    private static string Serialization(IActorRef actor) => Akka.Serialization.Serialization.SerializedActorPath(actor);
}
