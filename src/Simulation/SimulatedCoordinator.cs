using RnnLm.Coordinator;
using RnnLm.Storage;

namespace RnnLm.Simulation;

/// <summary>
/// A coordinator from its start to its end: takes the run, goes on from its newest checkpoint, trains, and writes
/// checkpoints with the product's own code.
/// </summary>
internal sealed class SimulatedCoordinator : SimulatedActor
{
    private readonly Dictionary<ActorId, SimulatedActor> _addresses = [];
    private static readonly TimeSpan s_turn = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_flushPause = TimeSpan.FromSeconds(2);

    private readonly SimulatedFiles _files;
    private readonly Queue<Action> _metricsWork = [];
    private CoordinatorBehaviour? _behaviour;
    private CheckpointWriter? _writer;
    private MetricsLog? _metrics;
    private Lease? _lease;
    private TimeSpan _flushed;
    private bool _isEnding;

    public SimulatedCoordinator(World world, SimulatedProcess process)
        : base(world, process, ActorId.Coordinator)
    {
        _files = new SimulatedFiles(world, process);
    }

    /// <summary>Why it ended; null when it has not, or the run is done.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Number among the coordinators of the run; 0 until it has taken it.</summary>
    public long Incarnation => _lease?.Incarnation ?? 0;

    /// <summary>Workers that it can send to.</summary>
    public IReadOnlyDictionary<ActorId, SimulatedActor> Addresses => _addresses;

    protected override IBehaviour Behaviour => _behaviour!;

    /// <summary>Takes the run over and begins.</summary>
    public void Start() => Process.Begin(() =>
    {
        try
        {
            Recover();
        }
        catch (RnnLmException failure)
        {
            End(failure);
        }
    });

    /// <summary>Whether it was asked to stop.</summary>
    public bool WasStopped { get; private set; }

    /// <summary>SIGTERM; false where that ends the process at once, before training.</summary>
    public bool Stop()
    {
        if (_behaviour is null || IsStopped)
        {
            return false;
        }

        WasStopped = true;
        Deliver(new StopRequested(ExitCode.Terminated));
        return true;
    }

    /// <summary>A worker is said to be gone; false when it is not known.</summary>
    public bool Lose(SimulatedActor worker)
    {
        if (_behaviour is null || IsStopped || _addresses.GetValueOrDefault(worker.Id) != worker)
        {
            return false;
        }

        _addresses.Remove(worker.Id);
        Deliver(new Terminated(worker.Id, null));
        return true;
    }

    protected override SimulatedActor? AddressOf(ActorId to) => _addresses.GetValueOrDefault(to);

    protected override void BeforeMessage(Message message, SimulatedActor? sender)
    {
        if (message is Join join && sender is not null)
        {
            _addresses[join.Worker] = sender;
            if (!sender.Lives)
            {
                World.TellOfLoss(this, sender);
            }
        }
    }

    protected override void Perform(Effect effect)
    {
        switch (effect)
        {
            case Report { Event: var happened }:
                if (happened is StepCommitted step)
                {
                    _writer!.Commit(step);
                }

                World.Checks.Observe(this, happened);
                Record(happened);
                break;
            case Illustrate illustrate:
                illustrate.Version.Release();
                break;
            case SaveCheckpoint save:
                World.Checks.Saved(save.State);
                Process.Begin(() => Write(save));
                break;
            default:
                throw new InvalidOperationException($"the coordinator has no effect {effect.GetType().Name}");
        }
    }

    protected override void OnStopped(Exception? failure) => End(failure);

    private void Recover()
    {
        var job = World.Scenario.Job;
        var run = RunDirectory.CreateOrOpen(_files, SimulatedDisk.Run);
        var lease = run.TakeLease(new LeaseHolder(1, Process.Name));
        _lease = lease;
        World.Note(Process.Name, $"has taken the run, incarnation {lease.Incarnation}");
        run.WriteConfig(lease, new() { ["seed"] = 1 });
        var store = run.OpenCheckpoints(lease, string.Empty);
        long acknowledged = World.Checks.Acknowledged;
        var newest = store.FindNewest();
        World.Checks.Found(this, newest, acknowledged);
        var state = newest.Newest is { } checkpoint
            ? lease.Guard(() => StoredState.Read(checkpoint, job.Layout, Process.Buffers))
            : job.Initial(Process.Buffers);
        var chain = newest.Newest?.State.Ledger ?? LedgerChain.Empty;
        var ledger = run.OpenLedger(lease, state.Version, chain);
        _metrics = run.OpenMetrics(lease, state.Version);
        _writer = new CheckpointWriter(
            store,
            ledger,
            new RetentionPolicy(World.Scenario.Keep),
            job.Layout,
            job.Hash,
            string.Empty,
            job.StepsPerEpoch);
        double? best = store.BestStep is { } step
            ? run.Checkpoints.Check(step)?.Checkpoint?.State.ValidationLoss
            : null;
        _behaviour = new CoordinatorBehaviour(
            new CoordinatorSettings(
                lease.Incarnation,
                World.Scenario.TotalSteps,
                World.Scenario.CheckpointEvery,
                World.Scenario.EvaluateEvery,
                World.SelfTestHash,
                AllowMixed: false,
                WorkerLimit: World.Scenario.IsOneProcess ? World.Scenario.Workers : null,
                DivergencePolicy.Stop,
                best,
                IsResumed: newest.Newest is not null,
                IsEvaluated: newest.Newest?.State.ValidationLoss is not null),
            new CoordinatorInputs(job, job.Validation),
            state,
            new Optimizer(job.Optimizer, Process.Buffers, threads: 1));
        Process.Post(TimeSpan.Zero, () =>
        {
            Deliver(new Started());
            World.OnLeading(this);
        });
    }

    /// <summary>As the product's recorder: one piece of work on the metrics after the other, beside the actor.
    /// </summary>
    private void OnMetrics(Action work)
    {
        _metricsWork.Enqueue(work);
        if (_metricsWork.Count > 1)
        {
            return;
        }

        Process.Begin(() =>
        {
            while (_metricsWork.TryPeek(out var next))
            {
                try
                {
                    next();
                }
                catch (RnnLmException failure) when (failure.ExitCode == ExitCode.Cluster)
                {
                    Process.Post(TimeSpan.Zero, () => Deliver(new LeaseLost(failure)));
                }
                catch (RnnLmException failure)
                {
                    World.Checks.MetricsFailed(failure);
                }

                _metricsWork.Dequeue();
            }

            Process.Post(TimeSpan.Zero, ExitIfStopped);
        });
    }

    private void FlushMetrics()
    {
        bool isDone = false;
        OnMetrics(() =>
        {
            try
            {
                _metrics!.Flush(toDisk: true);
            }
            finally
            {
                isDone = true;
            }
        });
        while (!isDone)
        {
            Process.Sleep(s_turn);
        }
    }

    private void Write(SaveCheckpoint save)
    {
        Exception? failure = null;
        try
        {
            _writer!.Write(save, FlushMetrics, warning => World.Note(Process.Name, warning));
        }
        catch (RnnLmException caught)
        {
            failure = caught;
        }
        finally
        {
            if (Process.IsAlive)
            {
                save.State.Release();
            }
        }

        long version = save.State.Version;
        if (failure is null)
        {
            World.Checks.Written(version);
        }

        Process.Post(TimeSpan.Zero, () =>
        {
            Deliver(new CheckpointWritten(version, failure));
            ExitIfStopped();
        });
    }

    private void End(Exception? failure)
    {
        Failure = failure;
        World.Checks.Ended(this, failure);
        _isEnding = true;
        Process.Post(TimeSpan.Zero, ExitIfStopped);
    }

    private void Record(TrainingEvent happened)
    {
        if (EventJson.Of(happened, World.Scenario.Job.StepsPerEpoch) is { } properties)
        {
            OnMetrics(() =>
            {
                _metrics!.Append(properties);
                if (World.Time.Now - _flushed > s_flushPause)
                {
                    _flushed = World.Time.Now;
                    _metrics.Flush();
                }
            });
        }
    }

    /// <summary>The process ends when nothing is being written or, in one process, computed any more.</summary>
    private void ExitIfStopped()
    {
        if (!_isEnding || Process.IsBusy || !Process.IsAlive)
        {
            return;
        }

        if (World.IsComputing(Process))
        {
            Process.Post(s_flushPause, ExitIfStopped);
            return;
        }

        _lease?.Dispose();
        World.OnEnded(this);
        Process.Die("has ended");
    }
}
