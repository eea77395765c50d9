namespace RnnLm.Simulation;

/// <summary>
/// Carries out what a behaviour asks for, on virtual time; does what <see cref="BehaviourActor"/> does with Akka.
/// </summary>
/// <param name="world">Where it lives.</param>
/// <param name="process">In which process.</param>
/// <param name="id">Its name.</param>
internal abstract class SimulatedActor(World world, SimulatedProcess process, ActorId id)
{
    private readonly Dictionary<string, object> _timers = [];

    public ActorId Id => id;

    public SimulatedProcess Process => process;

    public bool IsStopped { get; private set; }

    /// <summary>Whether it can still take a message.</summary>
    public bool Lives => process.IsAlive && !IsStopped;

    protected World World => world;

    protected abstract IBehaviour Behaviour { get; }

    /// <summary>Takes a message in.</summary>
    public void Deliver(Message message, SimulatedActor? sender = null)
    {
        if (IsStopped)
        {
            message.Release();
            return;
        }

        world.Note(id.Name, Trace.Of(message));
        BeforeMessage(message, sender);
        try
        {
            foreach (var effect in Behaviour.Handle(message, process.Clock))
            {
                CarryOut(effect);
            }
        }
#pragma warning disable CA1031 // A behaviour that throws is what a simulation looks for.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            world.Violation($"{id} threw {failure.GetType().Name}: {failure.Message}\n{failure.StackTrace}");
        }
    }

    /// <summary>Where a message for that actor goes; null for nowhere.</summary>
    protected abstract SimulatedActor? AddressOf(ActorId to);

    /// <summary>Carries out an effect that only this kind of actor has.</summary>
    protected abstract void Perform(Effect effect);

    /// <summary>The actor has asked to be stopped.</summary>
    protected abstract void OnStopped(Exception? failure);

    /// <summary>The host's own books, before the behaviour sees a message.</summary>
    protected virtual void BeforeMessage(Message message, SimulatedActor? sender)
    {
    }

    private void CarryOut(Effect effect)
    {
        switch (effect)
        {
            case Send send when AddressOf(send.To) is { } receiver:
                world.Network.Send(this, receiver, send.Message);
                break;
            case Send send:
                send.Message.Release();
                break;
            case StartTimer timer:
                var token = _timers[timer.Name] = new object();
                process.PostByOwnClock(timer.After, () => Elapse(timer, token));
                break;
            case CancelTimer timer:
                _timers.Remove(timer.Name);
                break;
            case RunWork run:
                Run(run);
                break;
            case StopActor stop:
                IsStopped = true;
                world.Note(id.Name, $"stops: {stop.Failure?.Message ?? "done"}");
                OnStopped(stop.Failure);
                break;
            default:
                Perform(effect);
                break;
        }
    }

    private void Elapse(StartTimer timer, object token)
    {
        if (_timers.TryGetValue(timer.Name, out object? running) && running == token)
        {
            _timers.Remove(timer.Name);
            Deliver(timer.Message);
        }
    }

    /// <summary>Work goes on beside the actor: what it does may come before or after what the actor does
    /// meanwhile.</summary>
    private void Run(RunWork run)
    {
        var time = world.Dice.Between(TimeSpan.FromTicks(100), world.WorkTime);
        if (world.Dice.Chance(0.5))
        {
            var early = run.Work();
            process.Post(time, () => Deliver(early));
        }
        else
        {
            process.Post(time, () => Deliver(run.Work()));
        }
    }
}
