using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit.Xunit2;

namespace RnnLm.Tests;

public sealed class A_job_that_is_tried_again : TestKit
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);
    private readonly WatchedClock _clock = new();

    public A_job_that_is_tried_again()
        : base(ConfigurationFactory.ParseString(ActorHost.Configuration))
    {
    }

    [Fact]
    public void Each_time_later_and_after_a_long_run_or_a_stop_soon_again()
    {
        var job = Start((_, _) =>
        {
            var run = new TaskCompletionSource();
            TestActor.Tell(run);
            return run.Task;
        });
        foreach (int pause in new[] { 0, 1, 2, 4, 8, 16, 32, 60, 60 })
        {
            Fail(Begin(job, pause));
        }

        var longRun = Begin(job, 60);
        _clock.Advance(TimeSpan.FromSeconds(61));
        Fail(longRun);
        Fail(Begin(job, 1));
        var stopped = Begin(job, 2);
        _clock.ExpectLook(stopped.SetResult);
        Fail(Begin(job, 0));
        Begin(job, 1);
    }

    [Fact]
    public void What_takes_long_before_it_first_waits_does_not_keep_it_from_being_handed_over()
    {
        var job = Start((_, stop) =>
        {
            TestActor.Tell("begun");
            Assert.True(stop.Wait(s_deadline));
            return Task.CompletedTask;
        });
        Watch(job);
        job.Tell(new Wire.StartJob { Job = "job" });
        ExpectMsg("begun", s_deadline);
        job.Tell(JobActor.HandOver.Instance);
        ExpectTerminated(job, s_deadline / 2);
    }

    private IActorRef Start(RunJob run) => Sys.ActorOf(Props.Create(() => new JobActor("job", run, _clock)));

    private TaskCompletionSource Begin(IActorRef job, int seconds)
    {
        _clock.Advance(TimeSpan.FromSeconds(seconds));
        job.Tell(new Wire.StartJob { Job = "job" });
        return ExpectMsg<TaskCompletionSource>(s_deadline);
    }

    private void Fail(TaskCompletionSource run) =>
        _clock.ExpectLook(() => run.SetException(new InvalidOperationException("planted")));

    /// <summary>Stands until it is advanced, and tells when somebody looks.</summary>
    private sealed class WatchedClock : TimeProvider
    {
        private TaskCompletionSource _look = new();
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp()
        {
            // Who waits for the look may advance the clock at once.
            long now = Interlocked.Read(ref _now);
            _look.TrySetResult();
            return now;
        }

        public void Advance(TimeSpan by) => Interlocked.Add(ref _now, by.Ticks);

        /// <summary>Does something and waits until the actor, which is at rest, looks because of it: once.</summary>
        public void ExpectLook(Action action)
        {
            _look = new TaskCompletionSource();
            action();
            Assert.True(_look.Task.Wait(s_deadline));
        }
    }
}
