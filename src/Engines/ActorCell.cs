using System.Threading.Channels;

namespace RnnLm.Engines;

/// <summary>One actor in this process: a bounded mailbox, a loop that gives its behaviour one message at a time, its timers, and its end.</summary>
internal sealed class ActorCell
{
    /// <summary>Messages waiting at most. The protocol has a handful a worker and step under way; more means that somebody floods.</summary>
    private const int MailboxCapacity = 16_384;

    private readonly IBehaviour _behaviour;
    private readonly IEffectHandler _handler;
    private readonly LocalEngine _engine;
    private readonly TimeProvider _time;
    private readonly Channel<Message> _mailbox = Channel.CreateBounded<Message>(
        new BoundedChannelOptions(MailboxCapacity) { SingleReader = true });

    private readonly Dictionary<string, ITimer> _timers = [];
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _isStopped;

    public ActorCell(ActorId id, IBehaviour behaviour, IEffectHandler handler, LocalEngine engine, TimeProvider time)
    {
        Id = id;
        _behaviour = behaviour;
        _handler = handler;
        _engine = engine;
        _time = time;
    }

    public ActorId Id { get; }

    /// <summary>Ends when the actor stops; faulted with the cause if it failed.</summary>
    public Task Completion => _completion.Task;

    public void Start()
    {
        Tell(new Started());
        _ = Task.Run(LoopAsync);
    }

    /// <summary>Puts a message into the mailbox; what comes after the end is dropped.</summary>
    public void Tell(Message message)
    {
        if (!_mailbox.Writer.TryWrite(message) && Volatile.Read(ref _isStopped) == 0)
        {
            Stop(new MailboxOverflowException(Id, MailboxCapacity));
        }
    }

    /// <summary>Ends the actor; the first call counts.</summary>
    public void Stop(Exception? failure)
    {
        if (Interlocked.Exchange(ref _isStopped, 1) != 0)
        {
            return;
        }

        _mailbox.Writer.TryComplete();
        lock (_timers)
        {
            foreach (var timer in _timers.Values)
            {
                timer.Dispose();
            }

            _timers.Clear();
        }

        _engine.OnStopped(this, failure);
        if (failure is null)
        {
            _completion.TrySetResult();
        }
        else
        {
            _completion.TrySetException(failure);
        }
    }

    private async Task LoopAsync()
    {
        try
        {
            await foreach (var message in _mailbox.Reader.ReadAllAsync().ConfigureAwait(false))
            {
                if (Volatile.Read(ref _isStopped) != 0)
                {
                    return;
                }

                foreach (var effect in _behaviour.Handle(message, _time.GetUtcNow()))
                {
                    Carry(effect);
                }
            }
        }
#pragma warning disable CA1031 // Whatever a behaviour throws is the actor's end; those who watch it get the cause.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Stop(failure);
        }
    }

    private void Carry(Effect effect)
    {
        switch (effect)
        {
            case Send send:
                _engine.Tell(send.To, send.Message);
                break;
            case StartTimer start:
                SetTimer(start.Name, _time.CreateTimer(_ => Tell(start.Message), null, start.After, Timeout.InfiniteTimeSpan));
                break;
            case CancelTimer cancel:
                SetTimer(cancel.Name, null);
                break;
            case RunWork work:
                _ = Task.Run(() => Run(work.Work));
                break;
            case StopActor stop:
                Stop(stop.Failure);
                break;
            default:
                _handler.Carry(effect, Tell, Stop);
                break;
        }
    }

    private void Run(Func<Message> work)
    {
        try
        {
            Tell(work());
        }
#pragma warning disable CA1031 // As above: work that throws ends the actor.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Stop(failure);
        }
    }

    private void SetTimer(string name, ITimer? timer)
    {
        lock (_timers)
        {
            if (_timers.Remove(name, out var old))
            {
                old.Dispose();
            }

            if (timer is null)
            {
                return;
            }

            if (Volatile.Read(ref _isStopped) != 0)
            {
                timer.Dispose();
                return;
            }

            _timers[name] = timer;
        }
    }
}
