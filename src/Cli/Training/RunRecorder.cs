using System.Threading.Channels;
using RnnLm.Checkpoints.Runs;
using RnnLm.Cli.Reporting;
using RnnLm.Coordinator.Behaviour;
using RnnLm.Shared.Errors;

namespace RnnLm.Cli.Training;

/// <summary>
/// Takes the coordinator's events off its hands: metrics file and view are fed by a task of their own, so that a slow disk or terminal does not hold training up. The
/// queue is bounded: a reader that never comes back stops training in the end instead of filling the memory.
/// </summary>
internal sealed class RunRecorder : IAsyncDisposable
{
    private const int QueueCapacity = 65_536;
    private static readonly TimeSpan FlushPause = TimeSpan.FromSeconds(2);

    private readonly Channel<TrainingEvent> _events =
        Channel.CreateBounded<TrainingEvent>(new BoundedChannelOptions(QueueCapacity) { SingleReader = true });

    private readonly MetricsLog _metrics;
    private readonly ITrainingView _view;
    private readonly long _stepsPerEpoch;
    private readonly TimeProvider _time;
    private readonly Task _loop;
    private bool _hasFailed;

    /// <summary>Starts recording.</summary>
    public RunRecorder(MetricsLog metrics, ITrainingView view, long stepsPerEpoch, TimeProvider time)
    {
        _metrics = metrics;
        _view = view;
        _stepsPerEpoch = stepsPerEpoch;
        _time = time;
        _loop = Task.Run(LoopAsync);
    }

    /// <summary>What this process has trained so far; complete after disposal.</summary>
    public RunTotals Totals { get; } = new();

    /// <summary>Takes an event.</summary>
    public void Record(TrainingEvent trainingEvent)
    {
        if (!_events.Writer.TryWrite(trainingEvent))
        {
            _events.Writer.WriteAsync(trainingEvent).AsTask().Wait();
        }
    }

    /// <summary>Records what is left and flushes it.</summary>
    public async ValueTask DisposeAsync()
    {
        _events.Writer.TryComplete();
        await _loop.ConfigureAwait(false);
    }

    private async Task LoopAsync()
    {
        long flushed = _time.GetTimestamp();
        await foreach (var trainingEvent in _events.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            Totals.Add(trainingEvent);
            _view.Show(trainingEvent);
            if (EventJson.Of(trainingEvent, _stepsPerEpoch) is { } properties)
            {
                Guard(() => _metrics.Append(properties));
            }

            if (_time.GetElapsedTime(flushed) > FlushPause)
            {
                flushed = _time.GetTimestamp();
                Guard(() => _metrics.Flush());
            }
        }

        Guard(() => _metrics.Flush());
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
