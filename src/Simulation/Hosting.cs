using RnnLm.Cluster;
using RnnLm.Coordinator;
using RnnLm.Worker;

namespace RnnLm.Simulation;

/// <summary>What behaviours live in: hosts without Akka, or, in a test, the product's own actors.</summary>
internal interface IHosting
{
    /// <summary>Starts a worker; its first message is <see cref="Started"/>.</summary>
    IHost Start(SimulatedWorker worker, IDevice device);

    /// <summary>Starts a node; its first message is <see cref="Started"/>.</summary>
    IHost Start(SimulatedNode node, NodeBehaviour behaviour);

    /// <summary>Starts a coordinator; its first message is <see cref="Started"/>.</summary>
    IHost Start(SimulatedCoordinator coordinator, CoordinatorBehaviour behaviour, IRunRecorder recorder);
}

/// <summary>Gives one behaviour its messages and carries out its effects.</summary>
internal interface IHost
{
    /// <summary>A message for the behaviour.</summary>
    /// <param name="message">What.</param>
    /// <param name="sender">Who sent it; null for the host's own timers and work.</param>
    void Tell(Message message, SimulatedActor? sender);

    /// <summary>An actor that it watches is gone, or is said to be.</summary>
    void TellGone(SimulatedActor actor);
}

/// <summary>Hosts behaviours as quickly as can be.</summary>
internal sealed class PlainHosting : IHosting
{
    /// <inheritdoc/>
    public IHost Start(SimulatedWorker worker, IDevice device)
    {
        var host = new PlainHost(
            worker,
            new WorkerBehaviour(worker.Id, device.Threads),
            (host, effect) => device.Submit((DeviceWork)effect, host.Tell));
        host.Tell(new Started());
        return host;
    }

    /// <inheritdoc/>
    public IHost Start(SimulatedNode node, NodeBehaviour behaviour)
    {
        var host = new PlainHost(
            node,
            behaviour,
            (_, effect) => throw new InvalidOperationException($"a node has no effect {effect.GetType().Name}"));
        host.Tell(new Started());
        return host;
    }

    /// <inheritdoc/>
    public IHost Start(SimulatedCoordinator coordinator, CoordinatorBehaviour behaviour, IRunRecorder recorder)
    {
        var host = new PlainHost(
            coordinator,
            behaviour,
            (host, effect) => CoordinatorActor.CarryOut(effect, recorder, work => host.Run(work, mayBlock: true)));
        host.Tell(new Started());
        recorder.LeaseLost.ContinueWith(
            lost => coordinator.Process.Attempt(() => host.Tell(new LeaseLost(lost.Result))),
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return host;
    }
}

/// <summary>Carries out effects on virtual time; does what <see cref="BehaviourActor"/> does with Akka.</summary>
/// <param name="actor">Whose behaviour it is.</param>
/// <param name="behaviour">What decides.</param>
/// <param name="carryOut">Carries out the effects that only this kind of actor has.</param>
internal sealed class PlainHost(SimulatedActor actor, IBehaviour behaviour, Action<PlainHost, Effect> carryOut) : IHost
{
    private readonly Dictionary<string, object> _timers = [];

    /// <summary>A message from the host's own timers, work and device.</summary>
    public void Tell(Message message) => Tell(message, null);

    /// <inheritdoc/>
    public void Tell(Message message, SimulatedActor? sender)
    {
        if (actor.IsStopped)
        {
            message.Release();
            return;
        }

        foreach (var effect in behaviour.Handle(message, actor.Process.Clock))
        {
            CarryOut(effect);
        }
    }

    /// <inheritdoc/>
    public void TellGone(SimulatedActor gone) => Tell(new Terminated(gone.Id, gone.Failure));

    /// <summary>Runs work beside the actor; what it returns comes back as a message.</summary>
    public void Run(Func<Message> work, bool mayBlock) => actor.Process.Work(work, mayBlock, message =>
    {
        actor.Observe(message);
        Tell(message);
    });

    private void CarryOut(Effect effect)
    {
        switch (effect)
        {
            case Send send when actor.Route(send.To, send.Message) is { } receiver:
                actor.Send(receiver, send.Message);
                break;
            case Send send:
                send.Message.Release();
                break;
            case StartTimer timer:
                object token = _timers[timer.Name] = new object();
                actor.Process.PostByOwnClock(timer.After, () => Elapse(timer, token));
                break;
            case CancelTimer timer:
                _timers.Remove(timer.Name);
                break;
            case RunWork run:
                Run(run.Work, mayBlock: false);
                break;
            case StopActor stop:
                actor.Stop(stop.Failure);
                break;
            default:
                carryOut(this, effect);
                break;
        }
    }

    private void Elapse(StartTimer timer, object token)
    {
        if (_timers.GetValueOrDefault(timer.Name) == token)
        {
            _timers.Remove(timer.Name);
            if (!actor.IsStopped)
            {
                actor.World.Note(actor.Id.Name, $"timer {timer.Name}");
            }

            Tell(timer.Message);
        }
    }
}
