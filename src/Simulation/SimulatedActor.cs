namespace RnnLm.Simulation;

/// <summary>A coordinator, worker or what stands between them: its behaviour lives in a host, its process in the world.
/// </summary>
/// <param name="world">Where it lives.</param>
/// <param name="process">In which process.</param>
/// <param name="id">Its name.</param>
internal abstract class SimulatedActor(World world, SimulatedProcess process, ActorId id)
{
    /// <summary>What a word between actors of one process takes.</summary>
    public static readonly TimeSpan Local = TimeSpan.FromMicroseconds(5);

    public ActorId Id => id;

    public SimulatedProcess Process => process;

    public World World => world;

    public bool IsStopped { get; private set; }

    /// <summary>Why it stopped; null when it has not, or its work was done.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Whether it can still take a message.</summary>
    public bool Lives => process.IsAlive && !IsStopped;

    /// <summary>Holds the behaviour; null until it has begun.</summary>
    protected IHost? Host { get; set; }

    /// <summary>Takes in a message that has arrived.</summary>
    public virtual void Deliver(Message message, SimulatedActor? sender)
    {
        if (IsStopped)
        {
            message.Release();
            return;
        }

        Observe(message, sender);
        Host!.Tell(message, sender);
    }

    /// <summary>Sees a message before the behaviour does.</summary>
    public void Observe(Message message, SimulatedActor? sender = null)
    {
        if (!IsStopped)
        {
            world.Note(id.Name, Trace.Of(message));
            OnMessage(message, sender);
        }
    }

    /// <summary>Sends a message on its way.</summary>
    public void Send(SimulatedActor receiver, Message message) => world.Network.Send(this, receiver, message);

    /// <summary>Where a message of this actor goes; null for nowhere.</summary>
    public virtual SimulatedActor? Route(ActorId to, Message message) => AddressOf(to);

    /// <summary>The behaviour has asked to be stopped.</summary>
    public void Stop(Exception? failure)
    {
        (IsStopped, Failure) = (true, failure);
        world.Note(id.Name, $"stops: {failure?.Message ?? "done"}");
        OnStopped(failure);
    }

    /// <summary>Who has that name to this actor; null for nobody.</summary>
    public abstract SimulatedActor? AddressOf(ActorId to);

    protected abstract void OnStopped(Exception? failure);

    protected abstract void OnMessage(Message message, SimulatedActor? sender);
}
