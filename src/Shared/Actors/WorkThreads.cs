using System.Collections.Concurrent;

namespace RnnLm.Shared;

/// <summary>Where actors have work done that takes its time.</summary>
public interface IWorkQueue
{
    /// <summary>Queues work.</summary>
    /// <returns>Its result; faulted with a <see cref="WorkOverflowException"/> when the queue is full.</returns>
    Task<T> Run<T>(Func<T> work);
}

/// <summary>
/// A scheduler with threads and a bounded queue of its own: long work never takes the pool's threads, on which actors
/// and timers run.
/// </summary>
public sealed class WorkThreads : TaskScheduler, IWorkQueue, IDisposable
{
    private readonly BlockingCollection<Task> _queue;
    private readonly Thread[] _threads;
    private readonly string _name;

    /// <summary>Starts the threads.</summary>
    /// <param name="name">Of what they do.</param>
    /// <param name="threads">How many.</param>
    /// <param name="capacity">Most pieces of work that wait.</param>
    public WorkThreads(string name, int threads, int capacity)
    {
        _name = name;
        _queue = new BlockingCollection<Task>(capacity);
        _threads = new Thread[threads];
        for (int index = 0; index < threads; index++)
        {
            _threads[index] = new Thread(Work) { IsBackground = true, Name = $"{name}/{index}" };
        }

        Array.ForEach(_threads, thread => thread.Start());
    }

    /// <inheritdoc/>
    public override int MaximumConcurrencyLevel => _threads.Length;

    /// <inheritdoc/>
    public Task<T> Run<T>(Func<T> work)
    {
        var task = new Task<T>(work, TaskCreationOptions.DenyChildAttach | TaskCreationOptions.HideScheduler);
        try
        {
            task.Start(this);
            return task;
        }
        catch (TaskSchedulerException failure)
        {
            return Task.FromException<T>(failure.InnerException!);
        }
    }

    /// <summary>Queues work without result.</summary>
    public Task Run(Action work) => Run(() =>
    {
        work();
        return true;
    });

    /// <summary>Takes no more work and waits until all is done; false when the deadline passes first.</summary>
    public bool Finish(TimeSpan deadline)
    {
        _queue.CompleteAdding();
        long end = Environment.TickCount64 + (long)deadline.TotalMilliseconds;
        return Array.TrueForAll(_threads, thread => thread.Join((int)Math.Max(0, end - Environment.TickCount64)));
    }

    /// <summary>Takes no more work.</summary>
    public void Dispose() => _queue.CompleteAdding();

    /// <inheritdoc/>
    protected override void QueueTask(Task task)
    {
        if (_queue.IsAddingCompleted || !_queue.TryAdd(task))
        {
            throw new WorkOverflowException(_name, _queue.IsAddingCompleted ? 0 : _queue.BoundedCapacity);
        }
    }

    /// <inheritdoc/>
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    /// <inheritdoc/>
    protected override IEnumerable<Task> GetScheduledTasks() => _queue;

    private void Work()
    {
        foreach (var task in _queue.GetConsumingEnumerable())
        {
            TryExecuteTask(task);
        }
    }
}

/// <summary>Threads of a kind were given more work than their bounded queue holds, or any after their end.</summary>
public sealed class WorkOverflowException(string name, int capacity)
    : Exception(capacity == 0
        ? $"{name} has ended and takes no work"
        : $"{name}: {capacity} pieces of work wait, no more fit");
