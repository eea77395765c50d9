namespace RnnLm.Worker;

/// <summary>
/// A device with threads of its own, each with its own <see cref="IReplica"/>. One shard is computed by one thread,
/// so that the number of threads decides the speed and never the bits. Actors and timers run elsewhere.
/// </summary>
public sealed class ThreadedDevice : IDevice
{
    /// <summary>Shards and pieces that wait at most; a step and its evaluation are a few hundred.</summary>
    private const int Capacity = 16_384;

    /// <summary>How long the end waits for threads that compute; after that they are left behind.</summary>
    private static readonly TimeSpan EndDeadline = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _waiting = new(0);
    private readonly List<Thread> _threads = [];
    private readonly string _name;
    private readonly GradientPool _pool;
    private readonly SelfTest _selfTest;
    private readonly Profiler? _profiler;
    private Queue<Item> _queue = [];
    private (long Incarnation, long Version) _newest;
    private bool _isEnding;

    /// <summary>Starts the threads.</summary>
    /// <param name="name">For the threads' names.</param>
    /// <param name="threads">How many.</param>
    /// <param name="computers">Makes one thread's computer; called on that thread.</param>
    /// <param name="pool">Where gradients come from; who receives a result releases it.</param>
    /// <param name="selfTest">What the self-test computes.</param>
    /// <param name="profiler">Notes what the threads do, if it is wanted.</param>
    public ThreadedDevice(
        string name,
        int threads,
        Func<IReplica> computers,
        GradientPool pool,
        SelfTest selfTest,
        Profiler? profiler = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        _name = name;
        _pool = pool;
        _selfTest = selfTest;
        _profiler = profiler;
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
    public void Submit(DeviceWork work, Action<Message> answer) => Enqueue(work switch
    {
        RunSelfTest =>
        [
            new Item(_newest, computer => answer(new SelfTestDone(TestItself(computer))), () => { }, answer),
        ],
        ComputeRange range => ItemsOf(range, answer),
        ComputeLoss { Request: var request, Version: var version } =>
        [
            new Item(
                (request.Incarnation, version.Version),
                computer => answer(EvaluatePiece(request, version, computer)),
                version.Release,
                answer),
        ],
        _ => throw new InvalidOperationException($"a device has no work {work.GetType().Name}"),
    });

    /// <summary>Lets what was begun finish, drops the rest, and ends the threads.</summary>
    public void Dispose()
    {
        Queue<Item> dropped;
        lock (_gate)
        {
            _isEnding = true;
            (dropped, _queue) = (_queue, []);
        }

        _waiting.Release(_threads.Count);
        foreach (var item in dropped)
        {
            item.Finish();
        }

        long end = Environment.TickCount64 + (long)EndDeadline.TotalMilliseconds;
        _threads.ForEach(thread => thread.Join((int)Math.Max(0, end - Environment.TickCount64)));
    }

    private Message EvaluatePiece(Evaluate request, ParameterVersion version, IReplica computer)
    {
        try
        {
            using var work = _profiler?.Begin($"piece {request.Piece}", version.Version);
            if (request.States is { } before)
            {
                var (loss, after) = computer.ComputeLoss(version, request.Tokens, before);
                return new PieceEvaluated(request, loss, request.Tokens.TargetCount, after);
            }

            return new PieceEvaluated(
                request, computer.ComputeLoss(version, request.Tokens), request.Tokens.TargetCount, null);
        }
        catch (Exception failure) when (!IsOfTheDevice(failure))
        {
            return new PieceNotEvaluated(request, FirstLine(failure));
        }
    }

    /// <summary>
    /// Memory that is used up, and an error that a GPU keeps and repeats for all that follows, say nothing of the
    /// range: the worker fails. libtorch has no exceptions of its own for them.
    /// </summary>
    private static bool IsOfTheDevice(Exception failure) => failure is OutOfMemoryException ||
        failure.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase) ||
        failure.Message.Contains("CUDA error", StringComparison.Ordinal) ||
        failure.Message.Contains("allocate memory", StringComparison.Ordinal);

    /// <summary>libtorch adds its stack to its messages.</summary>
    private static string FirstLine(Exception failure) => failure.Message.Split('\n')[0].TrimEnd();

    private string TestItself(IReplica computer)
    {
        using var work = _profiler?.Begin("self-test");
        return _selfTest.Run(computer);
    }

    private Item[] ItemsOf(ComputeRange work, Action<Message> answer)
    {
        var computation = new RangeComputation(work.Range, work.Shards, _pool, _profiler);
        int unfinished = work.Shards.Count;
        void Compute(int index, IReplica computer)
        {
            try
            {
                if (!computation.HasFailed && computation.ComputeShard(index, work.Version, computer) is { } sum)
                {
                    answer(new RangeComputed(
                        work.Incarnation, work.Version.Version, work.Range, TokenHash.OfRange(work.Shards), sum));
                }
            }
            catch (Exception failure) when (!IsOfTheDevice(failure))
            {
                if (computation.Fail())
                {
                    answer(new RangeNotComputed(
                        work.Incarnation, work.Version.Version, work.Range, work.Attempt, FirstLine(failure)));
                }
            }
        }

        void Finish()
        {
            if (Interlocked.Decrement(ref unfinished) == 0)
            {
                computation.Abandon();
                work.Version.Release();
            }
        }

        return
        [
            .. Enumerable.Range(0, work.Shards.Count).Select(index => new Item(
                (work.Incarnation, work.Version.Version), computer => Compute(index, computer), Finish, answer)),
        ];
    }

    /// <summary>
    /// Puts work behind what waits. Whoever asks for a newer version needs nothing of the older ones: a thread that
    /// hangs does not pile them up.
    /// </summary>
    private void Enqueue(Item[] items)
    {
        IReadOnlyList<Item> dropped = [];
        bool isTaken = false;
        lock (_gate)
        {
            if (items[0].Version.CompareTo(_newest) > 0)
            {
                _newest = items[0].Version;
                dropped = [.. _queue];
                _queue.Clear();
            }

            if (!_isEnding && _queue.Count + items.Length <= Capacity)
            {
                isTaken = true;
                Array.ForEach(items, _queue.Enqueue);
            }
        }

        if (isTaken)
        {
            _waiting.Release(items.Length);
        }
        else
        {
            dropped = [.. dropped, .. items];
            items[0].Answer(new DeviceLost(new WorkOverflowException(_name, _isEnding ? 0 : Capacity)));
        }

        foreach (var item in dropped)
        {
            item.Finish();
        }
    }

    private void Work(Func<IReplica> computers)
    {
        // Made when first needed, so that one that cannot be made (a library is missing) fails the work and the worker.
        var computer = new Lazy<IReplica>(computers, LazyThreadSafetyMode.None);
        while (!_isEnding)
        {
            // What was dropped leaves a count behind that finds nothing.
            _waiting.Wait();
            Item? item;
            lock (_gate)
            {
                _queue.TryDequeue(out item);
            }

            try
            {
                item?.Compute(computer.Value);
            }
#pragma warning disable CA1031 // Whatever is thrown here is the worker's failure, and its actor stops.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                item!.Answer(new DeviceLost(failure));
            }
            finally
            {
                item?.Finish();
            }
        }

        if (computer.IsValueCreated)
        {
            computer.Value.Dispose();
        }
    }

    /// <summary>A shard or piece to compute.</summary>
    /// <param name="Version">Of the parameters it needs.</param>
    /// <param name="Compute">Computes it and answers.</param>
    /// <param name="Finish">Gives back what it holds, whether it was computed or not.</param>
    /// <param name="Answer">Takes what computing threw.</param>
    private sealed record Item(
        (long Incarnation, long Version) Version, Action<IReplica> Compute, Action Finish, Action<Message> Answer);
}
