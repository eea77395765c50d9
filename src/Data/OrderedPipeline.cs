namespace RnnLm.Data;

/// <summary>
/// Maps a sequence on several threads and consumes the results in the order of the sequence, with a bounded number of
/// items in flight.
/// </summary>
internal static class OrderedPipeline
{
    /// <summary>
    /// Runs <paramref name="consume"/>(<paramref name="map"/>(item)) for each item. Source and consumer run on the
    /// calling thread, so what they build is the same for any number of threads.
    /// </summary>
    /// <param name="source">Items; read no further than twice <paramref name="threads"/> ahead.</param>
    /// <param name="map">Pure work on an item.</param>
    /// <param name="consume">Receives the results in order.</param>
    /// <param name="threads">How many items are worked on at once.</param>
    public static void Run<TItem, TResult>(
        IEnumerable<TItem> source, Func<TItem, TResult> map, Action<TResult> consume, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        var pair = new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, threads);
        var factory = new TaskFactory<TResult>(pair.ConcurrentScheduler);
        var inFlight = new Queue<Task<TResult>>();
        try
        {
            foreach (TItem item in source)
            {
                inFlight.Enqueue(factory.StartNew(() => map(item)));
                if (inFlight.Count >= 2 * threads)
                {
                    consume(inFlight.Dequeue().GetAwaiter().GetResult());
                }
            }

            while (inFlight.Count > 0)
            {
                consume(inFlight.Dequeue().GetAwaiter().GetResult());
            }
        }
        finally
        {
            // After a failure nothing may still be running on what the caller is about to dispose.
            foreach (Task<TResult> task in inFlight)
            {
                ((IAsyncResult)task).AsyncWaitHandle.WaitOne();
            }
        }
    }
}
