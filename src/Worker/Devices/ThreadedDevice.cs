using System.Collections.Concurrent;

namespace RnnLm.Worker;

/// <summary>
/// A device with threads of its own, each with its own <see cref="IReplica"/>. One shard is computed by one thread, so that the number of threads
/// decides the speed and never the bits. Actors and heartbeats run elsewhere.
/// </summary>
public sealed class ThreadedDevice : IDevice
{
    private readonly BlockingCollection<Action<Lazy<IReplica>>> _queue = [];
    private readonly List<Thread> _threads = [];
    private readonly GradientPool _pool;
    private readonly SelfTest _selfTest;
    private readonly TimeProvider _time;

    /// <summary>Starts the threads.</summary>
    /// <param name="name">For the threads' names.</param>
    /// <param name="threads">How many.</param>
    /// <param name="computers">Makes one thread's computer; called on that thread.</param>
    /// <param name="pool">Where gradients come from; who receives a result gives it back there.</param>
    /// <param name="selfTest">What the self-test computes.</param>
    /// <param name="time">Measures how long a range took.</param>
    public ThreadedDevice(string name, int threads, Func<IReplica> computers, GradientPool pool, SelfTest selfTest, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        _pool = pool;
        _selfTest = selfTest;
        _time = time;
        for (int index = 0; index < threads; index++)
        {
            var thread = new Thread(() => Work(computers)) { IsBackground = true, Name = $"{name}/{index}" };
            thread.Start();
            _threads.Add(thread);
        }
    }

    /// <inheritdoc/>
    public int Threads => _threads.Count;

    /// <inheritdoc/>
    public void Submit(RunSelfTest work, Action<Message> answer, Action<Exception> fail) =>
        Enqueue(computer => answer(new SelfTestDone(_selfTest.Run(computer))), fail);

    /// <inheritdoc/>
    public void Submit(ComputeRange work, Action<Message> answer, Action<Exception> fail)
    {
        ArgumentNullException.ThrowIfNull(work);
        var computation = new RangeComputation(work.Range, work.Shards, _pool);
        long version = work.Version.Version;
        long started = 0;
        int unfinished = work.Shards.Count;
        for (int shard = 0; shard < work.Shards.Count; shard++)
        {
            int index = shard;
            Enqueue(
                computer =>
                {
                    Interlocked.CompareExchange(ref started, _time.GetTimestamp(), 0);
                    try
                    {
                        if (computation.ComputeShard(index, work.Version, computer) is { } sum)
                        {
                            answer(new RangeComputed(
                                work.Incarnation, version, work.Range, TokenHash.OfRange(work.Shards), sum, _time.GetElapsedTime(started)));
                        }
                    }
                    finally
                    {
                        if (Interlocked.Decrement(ref unfinished) == 0)
                        {
                            work.Version.Release();
                        }
                    }
                },
                fail);
        }
    }

    /// <inheritdoc/>
    public void Submit(ComputeLoss work, Action<Message> answer, Action<Exception> fail)
    {
        ArgumentNullException.ThrowIfNull(work);
        Enqueue(
            computer =>
            {
                try
                {
                    double loss = computer.ComputeLoss(work.Version, work.Request.Tokens);
                    answer(new PieceEvaluated(work.Request, loss, work.Request.Tokens.TargetCount));
                }
                finally
                {
                    work.Version.Release();
                }
            },
            fail);
    }

    /// <summary>Lets what was begun finish, drops the rest, and ends the threads.</summary>
    public void Dispose()
    {
        _queue.CompleteAdding();
        while (_queue.TryTake(out _))
        {
        }

        foreach (var thread in _threads)
        {
            thread.Join();
        }

        _queue.Dispose();
    }

    private void Enqueue(Action<IReplica> work, Action<Exception> fail) =>
        _queue.Add(computer =>
        {
            try
            {
                work(computer.Value);
            }
#pragma warning disable CA1031 // Whatever a computation throws is the worker's failure; the actor stops with it as its cause.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                fail(failure);
            }
        });

    private void Work(Func<IReplica> computers)
    {
        // Made when first needed, so that a computer that cannot be made (a library is missing) fails the work and with it the worker.
        var computer = new Lazy<IReplica>(computers, LazyThreadSafetyMode.None);
        foreach (var work in _queue.GetConsumingEnumerable())
        {
            work(computer);
        }

        if (computer.IsValueCreated)
        {
            computer.Value.Dispose();
        }
    }
}
