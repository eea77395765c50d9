namespace RnnLm.Coordinator;

/// <summary>The effects of one message, in order.</summary>
internal sealed class Outbox
{
    private List<Effect> _effects = [];

    /// <summary>Adds an effect.</summary>
    public void Add(Effect effect) => _effects.Add(effect);

    /// <summary>Sends a message.</summary>
    public void Send(ActorId to, Message message) => Add(new Send(to, message));

    /// <summary>Tells the run's observers.</summary>
    public void Report(TrainingEvent trainingEvent) => Add(new Report(trainingEvent));

    /// <summary>Starts a timer, in place of a running one of that name.</summary>
    public void Timer(string name, TimeSpan after, Message message) => Add(new StartTimer(name, after, message));

    /// <summary>Forgets a timer.</summary>
    public void Cancel(string name) => Add(new CancelTimer(name));

    /// <summary>Runs work off the actor.</summary>
    public void Run(string name, Func<Message> work) => Add(new RunWork(name, work));

    /// <summary>Reads input off the actor; a file that fails is answered by <see cref="InputFailed"/>.</summary>
    public void Read(string name, Func<Message> read) => Run(name, () =>
    {
        try
        {
            return read();
        }
        catch (RnnLmException failure)
        {
            return new InputFailed(failure);
        }
    });

    /// <summary>All effects so far; the outbox is empty afterwards.</summary>
    public IReadOnlyList<Effect> Take()
    {
        var effects = _effects;
        _effects = [];
        return effects;
    }
}
