using System.Threading.Channels;
using RnnLm.Coordinator;
using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary>
/// Takes the coordinator's events off its hands: metrics file and view are fed by a task of their own, so that a slow disk or terminal does not hold training up. The
/// queue is bounded: a reader that never comes back stops training in the end instead of filling the memory.
/// </summary>
internal sealed class RunRecorder : IAsyncDisposable
{
    private const int QueueCapacity = 65_536;
    private static readonly TimeSpan FlushPause = TimeSpan.FromSeconds(2);

    private readonly Channel<Action> _queue = Channel.CreateBounded<Action>(new BoundedChannelOptions(QueueCapacity) { SingleReader = true });
    private readonly MetricsLog _metrics;
    private readonly ITrainingView _view;
    private readonly long _stepsPerEpoch;
    private readonly TimeProvider _time;
    private readonly Task _loop;
    private long _flushed;
    private bool _hasFailed;

    /// <summary>Starts recording.</summary>
    public RunRecorder(MetricsLog metrics, ITrainingView view, long stepsPerEpoch, TimeProvider time)
    {
        _metrics = metrics;
        _view = view;
        _stepsPerEpoch = stepsPerEpoch;
        _time = time;
        _flushed = time.GetTimestamp();
        _loop = Task.Run(LoopAsync);
    }

    /// <summary>What this process has trained so far; complete after disposal.</summary>
    public RunTotals Totals { get; } = new();

    /// <summary>Takes an event.</summary>
    public void Record(TrainingEvent trainingEvent) => Enqueue(() => Take(trainingEvent));

    /// <summary>Shows what the model made of a prompt.</summary>
    public void Sample(string prompt, string continuation) => Enqueue(() => _view.Sample(prompt, continuation));

    /// <summary>Says something that is no failure of the run.</summary>
    public void Warn(string text) => Enqueue(() => _view.Notice($"warning: {text}"));

    /// <summary>Does some writing beside training; what cannot be written is worth a warning.</summary>
    public void Write(Action write) => Enqueue(() => Guard(write));

    /// <summary>Returns when the metrics of every event recorded so far are on the disk.</summary>
    public void FlushToDisk()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Enqueue(() =>
        {
            Guard(() => _metrics.Flush(toDisk: true));
            done.SetResult();
        });
        done.Task.Wait();
    }

    /// <summary>Records what is left and flushes it.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _loop.ConfigureAwait(false);
    }

    private void Enqueue(Action work)
    {
        if (!_queue.Writer.TryWrite(work))
        {
            _queue.Writer.WriteAsync(work).AsTask().Wait();
        }
    }

    private async Task LoopAsync()
    {
        await foreach (var work in _queue.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            work();
        }

        Guard(() => _metrics.Flush());
    }

    private void Take(TrainingEvent trainingEvent)
    {
        Totals.Add(trainingEvent);
        _view.Show(trainingEvent);
        if (EventJson.Of(trainingEvent, _stepsPerEpoch) is { } properties)
        {
            Guard(() => _metrics.Append(properties));
        }

        if (_time.GetElapsedTime(_flushed) > FlushPause)
        {
            _flushed = _time.GetTimestamp();
            Guard(() => _metrics.Flush());
        }
    }

    /// <summary>Metrics that cannot be written are worth a warning, not the run.</summary>
    private void Guard(Action write)
    {
        try
        {
            write();
            _hasFailed = false;
        }
        catch (RnnLmException failure)
        {
            if (!_hasFailed)
            {
                _view.Notice($"warning: {failure.Message}");
            }

            _hasFailed = true;
        }
    }
}
