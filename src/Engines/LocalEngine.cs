using System.Collections.Concurrent;

namespace RnnLm.Engines;

/// <summary>Hosts all actors of a run in one process. Messages are handed over by reference; delivery to an actor that has stopped does nothing.</summary>
public sealed class LocalEngine(TimeProvider time)
{
    private readonly ConcurrentDictionary<ActorId, ActorCell> _cells = [];
    private readonly ConcurrentDictionary<ActorId, ActorId> _watchers = [];

    /// <summary>Starts an actor.</summary>
    /// <param name="id">Its address, not in use.</param>
    /// <param name="behaviour">Its state machine.</param>
    /// <param name="handler">Carries out the effects of its kind.</param>
    /// <param name="watcher">Who gets <see cref="Terminated"/> when it stops.</param>
    /// <returns>Ends when the actor stops; faulted with the cause if it failed.</returns>
    public Task Spawn(ActorId id, IBehaviour behaviour, IEffectHandler handler, ActorId? watcher)
    {
        var cell = new ActorCell(id, behaviour, handler, this, time);
        if (!_cells.TryAdd(id, cell))
        {
            throw new InvalidOperationException($"There is an actor {id} already.");
        }

        if (watcher is { } who)
        {
            _watchers[id] = who;
        }

        cell.Start();
        return cell.Completion;
    }

    /// <summary>Puts a message into an actor's mailbox.</summary>
    public void Tell(ActorId to, Message message)
    {
        if (_cells.TryGetValue(to, out var cell))
        {
            cell.Tell(message);
        }
    }

    internal void OnStopped(ActorCell cell, Exception? failure)
    {
        _cells.TryRemove(cell.Id, out _);
        if (_watchers.TryRemove(cell.Id, out var watcher))
        {
            Tell(watcher, new Terminated(cell.Id, failure));
        }
    }
}
