using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit;
using Akka.TestKit.Xunit2;

namespace RnnLm.Tests;

/// <summary>The hosting on Akka.NET: probes play the other side, and timers run on virtual time.</summary>
public sealed class Actors_around_behaviours : TestKit
{
    private const int MailboxCapacity = 64;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);
    private readonly WorkThreads _work = new("test", threads: 2, capacity: 16);
    private readonly FloatBufferPool _pool = new(4);

    public Actors_around_behaviours()
        : base(ConfigurationFactory.ParseString($$"""
            {{ActorHost.Configuration}}
            bounded-mailbox.mailbox-capacity = {{MailboxCapacity}}
            akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit"
            """)) => ActorHost.ReleaseUndelivered(Sys);

    private TestScheduler Time => (TestScheduler)Sys.Scheduler;

    [Fact]
    public void A_worker_says_hello_joins_and_returns_what_it_is_asked_for()
    {
        var worker = StartWorker(new ScriptedDevice());
        ExpectMsg(new Hello(ActorId.Worker(0)), Deadline);
        ExpectMsg(new Join(ActorId.Worker(0), 2, "hash"), Deadline);
        var version = Version(0);
        worker.Tell(new Assign(1, 0, [new AssignedRange(new ShardRange(0, 1), 1, [ShardTokens.Empty])]));
        worker.Tell(new Publish(1, version));
        var result = ExpectMsg<RangeResult>(Deadline);
        Assert.Equal((ActorId.Worker(0), 0L, 1L), (result.Worker, result.Step, result.Incarnation));
        worker.Tell(new Dismiss(1));
        Assert.Null(ExpectMsg<Farewell>(Deadline).Cause);
        AwaitReleased(version);
    }

    [Fact]
    public void A_device_that_fails_stops_its_worker_and_the_watcher_learns_why()
    {
        var worker = StartWorker(new ScriptedDevice
        {
            SelfTest = () => throw new InvalidOperationException("the device is lost"),
        });
        Watch(worker);
        ExpectMsg<Hello>(Deadline);
        Assert.Equal("the device is lost", ExpectMsg<Farewell>(Deadline).Cause?.Message);
        ExpectTerminated(worker, Deadline);
    }

    [Fact]
    public void A_behaviour_that_throws_stops_its_actor_and_is_not_started_again()
    {
        int started = 0;
        var actor = Start(message => message switch
        {
            Started => [new CancelTimer($"never started {++started}")],
            _ => throw new InvalidOperationException("a defect"),
        });
        Watch(actor);
        ExpectMsg<Hello>(Deadline);
        actor.Tell(new Note(1));
        Assert.Equal("a defect", ExpectMsg<Farewell>(Deadline).Cause?.Message);
        ExpectTerminated(actor, Deadline);
        actor.Tell(new Note(2));
        ExpectNoMsg(TimeSpan.FromMilliseconds(100));
        Assert.Equal(1, started);
    }

    [Fact]
    public void A_behaviour_that_throws_at_its_start_and_work_that_throws_stop_their_actor_too()
    {
        Start(_ => throw new InvalidOperationException("no start"));
        ExpectMsg<Hello>(Deadline);
        Assert.Equal("no start", ExpectMsg<Farewell>(Deadline).Cause?.Message);
        Start(_ => [new RunWork("fail", () => throw new InvalidOperationException("no work"))], "second");
        ExpectMsg<Hello>(Deadline);
        Assert.Equal("no work", ExpectMsg<Farewell>(Deadline).Cause?.Message);
    }

    [Fact]
    public void Work_runs_on_threads_of_its_own_and_comes_back_as_a_message()
    {
        Start(message => message switch
        {
            Started => [new RunWork("note", () => new Note(Thread.CurrentThread.Name is "test/0" or "test/1" ? 7 : 0))],
            Note note => [new Send(ActorId.Coordinator, note)],
            _ => [],
        });
        ExpectMsg<Hello>(Deadline);
        ExpectMsg(new Note(7), Deadline);
    }

    [Fact]
    public void A_timer_is_replaced_by_one_of_its_name_and_can_be_cancelled()
    {
        var actor = Start(message => message switch
        {
            Started =>
            [
                new StartTimer("a", TimeSpan.FromMinutes(1), new Note(1)),
                new StartTimer("a", TimeSpan.FromMinutes(3), new Note(2)),
                new StartTimer("b", TimeSpan.FromMinutes(2), new Note(3)),
                new CancelTimer("b"),
                new Send(ActorId.Coordinator, new Note(0)),
            ],
            Note note => [new Send(ActorId.Coordinator, note)],
            _ => [],
        });
        ExpectMsg<Hello>(Deadline);
        ExpectMsg(new Note(0), Deadline);
        Time.Advance(TimeSpan.FromMinutes(2));
        ExpectNoMsg(TimeSpan.FromMilliseconds(100));
        Time.Advance(TimeSpan.FromMinutes(1));
        ExpectMsg(new Note(2), Deadline);
    }

    [Fact]
    public void What_is_sent_to_nobody_or_to_one_that_has_stopped_gives_its_buffers_back()
    {
        var (toNobody, toStopped) = (Version(1), Version(2));
        Start(message => message is Started ? [new Send(new ActorId("nobody"), new Publish(1, toNobody))] : []);
        AwaitReleased(toNobody);

        var stopped = CreateTestProbe();
        Watch(stopped);
        Sys.Stop(stopped);
        ExpectMsg<Hello>(Deadline);
        ExpectTerminated(stopped, Deadline);
        stopped.Tell(new Publish(1, toStopped));
        AwaitReleased(toStopped);
    }

    [Fact]
    public void A_full_mailbox_stops_its_actor_by_name_and_every_message_gives_its_buffers_back()
    {
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        var actor = Start(message =>
        {
            begun.Set();
            goOn.Wait(Deadline);
            return [];
        });
        Watch(actor);
        Assert.True(begun.Wait(Deadline));
        ParameterVersion[] versions = [.. Enumerable.Range(0, MailboxCapacity + 2).Select(number => Version(number))];
        foreach (var version in versions)
        {
            actor.Tell(new Publish(1, version));
        }

        goOn.Set();
        ExpectMsg<Hello>(Deadline);
        var cause = Assert.IsType<MailboxOverflowException>(ExpectMsg<Farewell>(Deadline).Cause);
        Assert.Contains("stub", cause.Message, StringComparison.Ordinal);
        ExpectTerminated(actor, Deadline);
        Assert.All(versions, AwaitReleased);
    }

    [Fact]
    public async Task The_coordinator_publishes_to_who_joined_and_the_run_ends_with_the_cause_of_the_last_workers_end()
    {
        var (coordinator, end) = StartCoordinator();
        var worker = CreateTestProbe();
        coordinator.Tell(new Hello(ActorId.Worker(0)), worker);
        coordinator.Tell(new Join(ActorId.Worker(0), 1, "hash"), worker);
        Assert.Equal(0, worker.ExpectMsg<Publish>(Deadline).Version.Version);
        worker.FishForMessage(message => message is Assign { Step: 1 }, Deadline);
        coordinator.Tell(new Farewell(new InvalidOperationException("no more memory")), worker);
        Sys.Stop(worker);
        var failure = await Assert.ThrowsAsync<RnnLmException>(() => end.WaitAsync(Deadline));
        Assert.Equal(ExitCode.Cluster, failure.ExitCode);
        Assert.Contains("no more memory", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Asked_to_stop_the_coordinator_dismisses_its_workers_and_ends()
    {
        var (coordinator, end) = StartCoordinator();
        var worker = CreateTestProbe();
        coordinator.Tell(new Hello(ActorId.Worker(0)), worker);
        coordinator.Tell(new Join(ActorId.Worker(0), 1, "hash"), worker);
        coordinator.Tell(new StopRequested(ExitCode.Terminated));
        worker.FishForMessage(message => message is Dismiss, Deadline);
        var failure = await Assert.ThrowsAsync<RnnLmException>(() => end.WaitAsync(Deadline));
        Assert.Equal(ExitCode.Terminated, failure.ExitCode);
    }

    /// <summary>Ten minutes pass on the scheduler alone.</summary>
    [Fact]
    public async Task When_nobody_comes_the_coordinators_timer_ends_the_run()
    {
        var (_, end) = StartCoordinator();
        ExpectMsg<WaitingForWorkers>(Deadline);
        AwaitCondition(
            () =>
            {
                Time.Advance(Roster.FirstSilence);
                return end.IsCompleted;
            },
            Deadline);
        Assert.Equal(ExitCode.Cluster, (await Assert.ThrowsAsync<RnnLmException>(() => end)).ExitCode);
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        _work.Dispose();
    }

    private IActorRef StartWorker(IDevice device) =>
        Sys.Spawn<WorkerActor>(ActorId.Worker(0), ActorId.Worker(0), device, TestActor);

    private IActorRef Start(Func<Message, IReadOnlyList<Effect>> handle, string name = "stub") =>
        Sys.Spawn<StubActor>(new ActorId(name), new ActorId(name), new Stub(handle), _work, TestActor);

    private (IActorRef Coordinator, Task End) StartCoordinator()
    {
        var end = new TaskCompletionSource();
        var behaviour = new CoordinatorHarness(workerLimit: 1).Coordinator;
        var actor = Sys.Spawn<CoordinatorActor>(
            ActorId.Coordinator, behaviour, new Recorder(TestActor), _work, end, null);
        return (actor, end.Task);
    }

    private ParameterVersion Version(long number) => new(number, new CountedBuffer(_pool.Rent(), _pool));

    private void AwaitReleased(ParameterVersion version) =>
        AwaitAssert(() => Assert.Throws<ObjectDisposedException>(() => version.Values), Deadline);

    private sealed record Note(int Number) : Message;

    private sealed class Stub(Func<Message, IReadOnlyList<Effect>> handle) : IBehaviour
    {
        public IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now) => handle(message);
    }

    private sealed class StubActor(ActorId self, IBehaviour behaviour, WorkThreads work, IActorRef watcher)
        : BehaviourActor(self, behaviour, work, watcher)
    {
        protected override void CarryOut(Effect effect, Action<Message> answer) =>
            throw new InvalidOperationException($"unexpected effect {effect}");
    }

    /// <summary>Tells the test what it observes.</summary>
    private sealed class Recorder(IActorRef test) : IRunRecorder
    {
        public void Observe(TrainingEvent trainingEvent) => test.Tell(trainingEvent);

        public void Illustrate(ParameterVersion version) => version.Release();

        public Task<RnnLmException> LeaseLost { get; } = new TaskCompletionSource<RnnLmException>().Task;

        public void Write(SaveCheckpoint save)
        {
        }
    }

    /// <summary>Answers at once: an empty sum for every range.</summary>
    private sealed class ScriptedDevice : IDevice
    {
        public Func<string> SelfTest { get; init; } = () => "hash";

        public int Threads => 2;

        public void Submit(DeviceWork work, Action<Message> answer)
        {
            try
            {
                if (work is ComputeRange { Version: var version } range)
                {
                    var gradient = new Gradient(ParameterLayout.For(new ModelSettings(2, 1, 1, -1)));
                    answer(new RangeComputed(range.Incarnation, version.Version, range.Range, 0, gradient));
                    version.Release();
                }
                else
                {
                    answer(new SelfTestDone(SelfTest()));
                }
            }
            catch (InvalidOperationException failure)
            {
                answer(new DeviceLost(failure));
            }
        }

        public void Dispose()
        {
        }
    }
}
