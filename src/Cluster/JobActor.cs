using Akka.Actor;

namespace RnnLm.Cluster;

/// <summary>Runs a job until its end.</summary>
/// <param name="job">Its name.</param>
/// <param name="stop">Asks to stop after saving the last committed version.</param>
public delegate Task RunJob(string job, Task stop);

/// <summary>
/// The entity of one job in the cluster: runs it, where it is told to, and starts it again after a failure that may
/// pass, each time later until it has run for long. When it is handed over to another process it saves first.
/// </summary>
/// <param name="job">Its name.</param>
/// <param name="run">Runs it.</param>
/// <param name="time">The clock.</param>
internal sealed class JobActor(string job, RunJob run, TimeProvider time) : UntypedActor
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(1);

    private TaskCompletionSource? _stop;
    private long _changed;
    private TimeSpan _pause;
    private bool _isHandedOver;

    /// <summary>To the entity: end here, it will go on elsewhere.</summary>
    public sealed record HandOver
    {
        /// <summary>The one there is.</summary>
        public static HandOver Instance { get; } = new();
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Wire.StartJob when _stop is null && !_isHandedOver && time.GetElapsedTime(_changed) >= _pause:
                _stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _changed = time.GetTimestamp();

                // A job is prepared before it first waits, which takes long.
                Task.Run(() => run(job, _stop.Task)).PipeTo(
                    Self, success: () => new Ended(HasFailed: false), failure: _ => new Ended(HasFailed: true));
                break;
            case HandOver when _stop is null:
                Context.Stop(Self);
                break;
            case HandOver:
                _isHandedOver = true;
                _stop.TrySetResult();
                break;
            case Ended when _isHandedOver:
                Context.Stop(Self);
                break;
            case Ended { HasFailed: var hasFailed }:
                _stop = null;
                long now = time.GetTimestamp();
                var former = time.GetElapsedTime(_changed, now) > s_longestPause ? TimeSpan.Zero : _pause;
                _pause = !hasFailed ? TimeSpan.Zero
                    : former == TimeSpan.Zero ? s_firstPause
                    : Min(former * 2, s_longestPause);
                _changed = now;
                break;
        }
    }

    /// <inheritdoc/>
    protected override void PostStop() => _stop?.TrySetResult();

    private static TimeSpan Min(TimeSpan left, TimeSpan right) => left < right ? left : right;

    private sealed record Ended(bool HasFailed);
}
