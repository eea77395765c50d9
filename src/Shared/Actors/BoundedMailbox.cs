using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Dispatch.MessageQueues;
using Akka.Event;

namespace RnnLm.Shared;

/// <summary>An actor got more messages than its bounded mailbox holds.</summary>
public sealed class MailboxOverflowException(string actor, int capacity)
    : Exception($"the mailbox of {actor} holds {capacity} messages and is full");

/// <summary>
/// A mailbox that holds so many messages and no more. One too many ends its actor with a
/// <see cref="MailboxOverflowException"/>, and what the actor has not taken goes to the dead letters: a message that
/// disappears without a word would leave somebody waiting.
/// </summary>
public sealed class BoundedMailbox(Settings settings, Config config)
    : MailboxType(settings, config), IProducesMessageQueue<BoundedMailbox.Queue>
{
    private readonly int _capacity = config.GetInt("mailbox-capacity");

    /// <inheritdoc/>
    public override IMessageQueue Create(IActorRef owner, ActorSystem system) => new Queue(_capacity, owner, system);

    /// <summary>The queue of one actor.</summary>
    public sealed class Queue(int capacity, IActorRef owner, ActorSystem system) : IMessageQueue
    {
        private readonly ConcurrentQueue<Envelope> _waiting = [];
        private Failed? _overflow;
        private int _overflows;

        /// <inheritdoc/>
        public bool HasMessages => !_waiting.IsEmpty || Volatile.Read(ref _overflow) is not null;

        /// <inheritdoc/>
        public int Count => _waiting.Count;

        /// <inheritdoc/>
        public void Enqueue(IActorRef receiver, Envelope envelope)
        {
            if (_waiting.Count < capacity)
            {
                _waiting.Enqueue(envelope);
                return;
            }

            if (Interlocked.Increment(ref _overflows) == 1)
            {
                Volatile.Write(ref _overflow, new Failed(new MailboxOverflowException(owner.Path.Name, capacity)));
            }

            system.DeadLetters.Tell(new DeadLetter(envelope.Message, envelope.Sender, receiver), envelope.Sender);
        }

        /// <summary>The word of an overflow comes before everything that waits.</summary>
        public bool TryDequeue(out Envelope envelope)
        {
            if (Interlocked.Exchange(ref _overflow, null) is { } overflow)
            {
                envelope = new Envelope(overflow, owner);
                return true;
            }

            return _waiting.TryDequeue(out envelope);
        }

        /// <inheritdoc/>
        public void CleanUp(IActorRef owner, IMessageQueue deadletters)
        {
            ArgumentNullException.ThrowIfNull(deadletters);
            while (_waiting.TryDequeue(out var envelope))
            {
                deadletters.Enqueue(owner, envelope);
            }
        }
    }
}
