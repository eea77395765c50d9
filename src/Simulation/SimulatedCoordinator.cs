using RnnLm.Coordinator;
using RnnLm.Storage;

namespace RnnLm.Simulation;

/// <summary>
/// A coordinator from its start to its end: takes the run, goes on from its newest checkpoint, trains, and writes
/// checkpoints with the product's own code.
/// </summary>
internal sealed class SimulatedCoordinator : SimulatedActor
{
    private static readonly TimeSpan s_exitCheck = TimeSpan.FromSeconds(1);

    private readonly Dictionary<ActorId, SimulatedActor> _addresses = [];
    private readonly SimulatedFiles _files;
    private readonly TimeSpan _born;
    private Lease? _lease;

    public SimulatedCoordinator(World world, SimulatedProcess process)
        : base(world, process, ActorId.Coordinator)
    {
        _files = new SimulatedFiles(world, process);
        _born = world.Time.Now;
    }

    /// <summary>How it ended; null while it has not, or when it threw.</summary>
    public ExitCode? Ending { get; private set; }

    /// <summary>Whether it has ended in order: the version that it had come to is saved.</summary>
    public bool HasSaved => Ending is not null and not ExitCode.Storage and not ExitCode.Cluster;

    /// <summary>Number among the coordinators of the run; 0 until it has taken it.</summary>
    public long Incarnation => _lease?.Incarnation ?? 0;

    /// <summary>Since its process was started.</summary>
    public TimeSpan Age => World.Time.Now - _born;

    /// <summary>Whether it was asked to stop.</summary>
    public bool WasStopped { get; private set; }

    /// <summary>Workers that it can send to.</summary>
    public IReadOnlyDictionary<ActorId, SimulatedActor> Addresses => _addresses;

    /// <summary>Where workers of other processes apply to it; null until it leads, or where there are none.</summary>
    public SimulatedFront? Front { get; private set; }

    /// <summary>Takes the run over and begins.</summary>
    public void Start() => Process.Begin(() =>
    {
        try
        {
            Recover();
        }
        catch (RnnLmException failure)
        {
            OnStopped(failure);
        }
    });

    /// <summary>SIGTERM; false where that ends the process at once, before training.</summary>
    public bool RequestStop()
    {
        if (Host is null || IsStopped)
        {
            return false;
        }

        WasStopped = true;
        Deliver(new StopRequested(ExitCode.Terminated), null);
        return true;
    }

    /// <summary>A worker of its process, or the link to one, is gone.</summary>
    public void LoseSoon(SimulatedActor worker) => Process.Post(Local, () =>
    {
        if (Host is not null && !IsStopped && _addresses.GetValueOrDefault(worker.Id) == worker)
        {
            _addresses.Remove(worker.Id);
            Observe(new Terminated(worker.Id, worker.Failure));
            Host.TellGone(worker);
        }
    });

    public override SimulatedActor? AddressOf(ActorId to) => _addresses.GetValueOrDefault(to);

    protected override void OnMessage(Message message, SimulatedActor? sender)
    {
        if (message is Join join && sender is not null)
        {
            _addresses[join.Worker] = sender;
            if (!sender.Lives)
            {
                LoseSoon(sender);
            }
        }
    }

    protected override void OnStopped(Exception? failure)
    {
        Ending = failure is null ? ExitCode.Done : (failure as RnnLmException)?.ExitCode;
        World.Checks.Ended(this, failure);
        Front?.End();
        Process.Post(s_exitCheck, ExitWhenIdle);
    }

    private void Recover()
    {
        var scenario = World.Scenario;
        var job = scenario.Job;
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
            ? lease.Guard(() => StoredState.Read(checkpoint, job.Layout, job.Optimizer, Process.Buffers))
            : job.Initial(Process.Buffers);
        var chain = newest.Newest?.State.Ledger ?? LedgerChain.Empty;
        var ledger = run.OpenLedger(lease, state.Version, chain);
        var recorder = new SimulatedRecorder(
            this,
            new CheckpointWriter(
                store,
                ledger,
                new RetentionPolicy(scenario.Keep),
                job.Layout,
                job.Optimizer,
                job.Hash,
                string.Empty,
                job.StepsPerEpoch),
            run.OpenMetrics(lease, state.Version));
        double? best = store.BestStep is { } step
            ? run.Checkpoints.Check(step)?.Checkpoint?.State.ValidationLoss
            : null;
        var behaviour = new CoordinatorBehaviour(
            new CoordinatorSettings(
                lease.Incarnation,
                scenario.TotalSteps,
                scenario.CheckpointEvery,
                scenario.EvaluateEvery,
                World.SelfTest,
                AllowMixed: false,
                WorkerLimit: scenario.IsOneProcess ? scenario.Workers : null,
                job.Divergence,
                best,
                IsResumed: newest.Newest is not null,
                IsEvaluated: newest.Newest?.State.ValidationLoss is not null)
            {
                VerifyEvery = scenario.VerifyEvery,
                OnMismatch = scenario.OnMismatch,
                Seed = job.Seed,
            },
            new CoordinatorInputs(job, job.Validation, job.IsStreams),
            state,
            new Optimizer(job.Optimizer, job.Layout, Process.Buffers, threads: 1, job.StepsPerEpoch));
        Process.Post(TimeSpan.Zero, () =>
        {
            Host = World.Hosting.Start(this, behaviour, recorder);
            if (World.Scenario.IsOneProcess)
            {
                World.StartWorkers(this);
            }
            else
            {
                Front = new SimulatedFront(this);
            }
        });
    }

    /// <summary>The process ends when nothing is being written or, in one process, computed any more.</summary>
    private void ExitWhenIdle()
    {
        if (Process.IsBusy || World.IsComputing(Process))
        {
            Process.Post(s_exitCheck, ExitWhenIdle);
            return;
        }

        _lease?.Dispose();
        World.OnEnded(this);
        Process.Die("has ended");
    }
}
