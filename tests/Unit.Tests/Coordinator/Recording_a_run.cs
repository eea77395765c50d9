using System.Text.Json;
using System.Text.Json.Nodes;

namespace RnnLm.Tests;

/// <summary>Views and disks that fail or hang harm neither training nor each other.</summary>
public sealed class Recording_a_run : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);
    private readonly TemporaryDirectory _directory = new();
    private readonly RunDirectory _run;
    private readonly Lease _lease;

    public Recording_a_run()
    {
        _run = RunDirectory.CreateOrOpen(_directory["run"]);
        _lease = _run.TakeLease(LeaseHolder.ThisProcess());
        _run.WriteConfig(_lease, new JsonObject());
    }

    public void Dispose()
    {
        _lease.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_view_that_throws_is_not_used_again_and_everything_is_recorded_all_the_same()
    {
        var view = new ScriptedView { OnShow = () => throw new OverflowException("time left") };
        var recorder = Recorder(view);
        recorder.Observe(Step(0));
        recorder.Observe(Step(1));
        Save(recorder, 2);
        await recorder.DisposeAsync();
        Assert.Equal(1, view.Shown);
        Assert.Equal([0, 1], Metrics().Where(line => line["step"] is not null).Select(line => (int)line["step"]!));
        Assert.Contains(
            Metrics(),
            line => (string?)line["event"] == "warning"
                && ((string)line["text"]!).Contains("time left", StringComparison.Ordinal));
        Assert.NotNull(_run.Checkpoints.FindNewest().Newest);
    }

    [Fact]
    public async Task A_terminal_that_stands_still_holds_no_checkpoint_up()
    {
        using var goOn = new ManualResetEventSlim();
        var view = new ScriptedView { OnShow = () => goOn.Wait(Deadline) };
        var recorder = Recorder(view);
        recorder.Observe(Step(0));
        Save(recorder, 1);
        Assert.Equal(1, _run.Checkpoints.FindNewest().Newest!.State.Step);
        goOn.Set();
        await recorder.DisposeAsync();
    }

    /// <summary>Whoever else ended it would wait for a terminal that stands still.</summary>
    [Fact]
    public async Task A_view_ends_on_its_own_thread()
    {
        var view = new ScriptedView();
        await Recorder(view).DisposeAsync();
        Assert.Equal("view/0", view.EndedOn);
    }

    [Fact]
    public async Task A_checkpoint_whose_metrics_find_no_room_is_a_failure_of_storage()
    {
        using var goOn = new ManualResetEventSlim();
        var recorder = Recorder(new ScriptedView(), joined: _ => goOn.Wait(Deadline));
        recorder.Observe(new WorkerJoined(ActorId.Worker(0), 1, "hash"));
        for (int more = 0; more < 1 << 17; more++)
        {
            recorder.Observe(new WaitingForWorkers(0, 1));
        }

        var failure = Assert.Throws<RnnLmException>(() => Save(recorder, 1));
        Assert.Equal(ExitCode.Storage, failure.ExitCode);
        goOn.Set();
        await recorder.DisposeAsync();
    }

    [Fact]
    public async Task What_a_sample_throws_is_a_warning_and_its_version_is_given_back()
    {
        var view = new ScriptedView();
        var recorder = Recorder(view, _ => throw new InvalidOperationException("no such token"));
        var version = State(1).Parameters;
        recorder.Illustrate(version);
        await recorder.DisposeAsync();
        Assert.Contains(view.Notices, notice => notice.Contains("no such token", StringComparison.Ordinal));
        Assert.Throws<ObjectDisposedException>(() => version.Values);
    }

    [Fact]
    public async Task Results_that_were_not_used_are_counted_and_in_the_metrics()
    {
        var recorder = Recorder(new ScriptedView());
        recorder.Observe(new ResultDropped(3, ActorId.Worker(1), "wrong tokens"));
        recorder.Observe(new ResultDropped(4, ActorId.Worker(1), "wrong tokens"));
        await recorder.DisposeAsync();
        Assert.Equal(2, recorder.Totals.Dropped["wrong tokens"]);
        Assert.Equal(
            2,
            Metrics().Count(line =>
                (string?)line["event"] == "result_dropped" && (string?)line["reason"] == "wrong tokens"));
    }

    /// <summary>
    /// The coordinator throws while its first checkpoint is being written: the run is not over before that is done.
    /// </summary>
    [Fact]
    public async Task A_coordinator_that_throws_leaves_no_writer_behind()
    {
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        bool isWritten = false;
        var recorder = new SlowWriter(() =>
        {
            begun.Set();
            goOn.Wait(Deadline);
            Volatile.Write(ref isWritten, true);
        });
        var system = ActorHost.Start();
        var run = CoordinatorActor.RunAsync(
            system,
            ActorId.Coordinator,
            new CoordinatorHarness().Coordinator,
            recorder,
            coordinator => Akka.Actor.ActorRefImplicitSenderExtensions.Tell(
                coordinator, new SelfTestDone("meant for a worker")),
            new TaskCompletionSource<StopRequested>().Task);
        Assert.True(begun.Wait(Deadline));
        await Gone(system).WaitAsync(Deadline);

        // A run that does not wait is over within a few turns of the scheduler.
        for (int turn = 0; turn < 10_000 && !run.IsCompleted; turn++)
        {
            await Task.Yield();
        }

        Assert.False(run.IsCompleted);
        goOn.Set();
        await Assert.ThrowsAsync<InvalidOperationException>(() => run);
        Assert.True(Volatile.Read(ref isWritten));
        await system.Terminate();
    }

    [Fact]
    public async Task Metrics_of_a_run_that_another_has_taken_are_no_warning_but_the_end()
    {
        var view = new ScriptedView();
        var recorder = Recorder(view);

        // Where locks do not reach, the other does not wait for this one.
        _lease.Dispose();
        using var other = _run.TakeLease(LeaseHolder.ThisProcess());
        recorder.Observe(Step(0));
        await recorder.DisposeAsync();
        Assert.Equal(ExitCode.Cluster, (await recorder.LeaseLost.WaitAsync(Deadline)).ExitCode);
        Assert.Equal(1, view.Shown);
    }

    [Fact]
    public async Task A_run_that_another_has_taken_ends_with_that_reason()
    {
        var lost = new RnnLmException(ExitCode.Cluster, "taken over");
        var recorder = new SlowWriter(() => { }) { LeaseLost = Task.FromResult(lost) };
        var system = ActorHost.Start();
        var run = CoordinatorActor.RunAsync(
            system,
            ActorId.Coordinator,
            new CoordinatorHarness().Coordinator,
            recorder,
            _ => { },
            new TaskCompletionSource<StopRequested>().Task);
        Assert.Same(lost, await Assert.ThrowsAsync<RnnLmException>(() => run.WaitAsync(Deadline)));
        await system.Terminate();
    }

    /// <summary>A cluster may take this process for lost and end its actors.</summary>
    [Fact]
    public async Task A_run_whose_actor_system_ends_has_not_reached_its_last_step()
    {
        var system = ActorHost.Start();
        var run = CoordinatorActor.RunAsync(
            system,
            ActorId.Coordinator,
            new CoordinatorHarness().Coordinator,
            new SlowWriter(() => { }),
            _ => system.Terminate(),
            new TaskCompletionSource<StopRequested>().Task);
        var failure = await Assert.ThrowsAsync<RnnLmException>(() => run.WaitAsync(Deadline));
        Assert.Equal(ExitCode.Cluster, failure.ExitCode);
    }

    [Fact]
    public async Task Workers_that_cannot_be_started_leave_no_coordinator_behind()
    {
        var system = ActorHost.Start();
        await Assert.ThrowsAsync<InvalidOperationException>(() => CoordinatorActor.RunAsync(
            system,
            ActorId.Coordinator,
            new CoordinatorHarness().Coordinator,
            new SlowWriter(() => { }),
            _ => throw new InvalidOperationException("no device"),
            new TaskCompletionSource<StopRequested>().Task));
        await Gone(system).WaitAsync(Deadline);
        await system.Terminate();
    }

    private static async Task Gone(Akka.Actor.ActorSystem system)
    {
        while (true)
        {
            try
            {
                await system.ActorSelection("user/coordinator").ResolveOne(Deadline);
            }
            catch (Akka.Actor.ActorNotFoundException)
            {
                return;
            }
        }
    }

    private static StepCommitted Step(long step) =>
        new(step, 1.5, 10, 2, 0.5, 0.001, TimeSpan.FromSeconds(1), TimeSpan.Zero, 0.9, 7, IsSkipped: false);

    private static TrainingState State(long version)
    {
        var pool = new FloatBufferPool(CoordinatorHarness.Parameters.Length);
        CountedBuffer Buffer() => new(pool.Rent(), pool);
        return new TrainingState(
            new ParameterVersion(version, Buffer()), [Buffer(), Buffer()], version, 2 * version, 10 * version);
    }

    private static void Save(RunRecorder recorder, long version) =>
        recorder.Write(new SaveCheckpoint(State(version), null, IsBest: false));

    private RunRecorder Recorder(
        ScriptedView view,
        Func<ParameterVersion, IEnumerable<(string, string)>>? sample = null,
        Action<WorkerJoined>? joined = null)
    {
        var writer = new CheckpointWriter(
            _run.OpenCheckpoints(_lease),
            _run.OpenLedger(_lease, 0, LedgerChain.Empty),
            new RetentionPolicy(2, 0),
            CoordinatorHarness.Parameters,
            CoordinatorHarness.Adam,
            new string('0', 64),
            validationText: "",
            stepsPerEpoch: 100);
        return new RunRecorder(
            _run.OpenMetrics(_lease, 0),
            writer,
            view,
            new TrainingExtent(0, 10, 100),
            sample ?? (_ => []),
            joined ?? (_ => { }),
            TimeProvider.System);
    }

    private JsonObject[] Metrics() =>
        [.. File.ReadLines(_directory["run", "metrics.jsonl"])
            .Select(line => JsonSerializer.Deserialize<JsonObject>(line)!)];

    private sealed class ScriptedView : ITrainingView
    {
        public Action OnShow { get; init; } = () => { };

        public int Shown { get; private set; }

        public List<string> Notices { get; } = [];

        public void Notice(string text) => Notices.Add(text);

        public void Preparing(string what, double fraction)
        {
        }

        public void Begin(TrainingExtent extent)
        {
        }

        public void Show(TrainingEvent trainingEvent)
        {
            Shown++;
            OnShow();
        }

        public void Sample(string prompt, string continuation)
        {
        }

        public void Finish(TrainingSummary summary)
        {
        }

        public string? EndedOn { get; private set; }

        public void Dispose() => EndedOn = Thread.CurrentThread.Name;
    }

    private sealed class SlowWriter(Action write) : IRunRecorder
    {
        public void Observe(TrainingEvent trainingEvent)
        {
        }

        public void Illustrate(ParameterVersion version) => version.Release();

        public Task<RnnLmException> LeaseLost { get; init; } = new TaskCompletionSource<RnnLmException>().Task;

        public void Write(SaveCheckpoint save) => write();
    }
}
