using Akka.Actor;

namespace RnnLm.Coordinator;

/// <summary>What a coordinator needs of the world around it. Called on its actor, but for Write.</summary>
public interface IRunRecorder
{
    /// <summary>Something happened; must be quick.</summary>
    void Observe(TrainingEvent trainingEvent);

    /// <summary>A version was evaluated and may be shown; the recorder owns the reference. Must be quick.</summary>
    void Illustrate(ParameterVersion version);

    /// <summary>Done when writing has shown that another coordinator has taken the run.</summary>
    Task<RnnLmException> LeaseLost { get; }

    /// <summary>Writes a checkpoint or throws; off the actor, one at a time. The caller releases it.</summary>
    void Write(SaveCheckpoint save);
}

/// <summary>The actor of the coordinator, and the run of one process around it.</summary>
/// <param name="behaviour">What decides.</param>
/// <param name="recorder">Watches the run and writes checkpoints.</param>
/// <param name="work">Adds, updates and writes.</param>
/// <param name="end">Ends when the actor stops; faulted with the cause if it failed.</param>
/// <param name="profiler">Notes what adds and updates, if it is wanted.</param>
public sealed class CoordinatorActor(
    CoordinatorBehaviour behaviour,
    IRunRecorder recorder,
    IWorkQueue work,
    TaskCompletionSource end,
    Profiler? profiler)
    : BehaviourActor(ActorId.Coordinator, behaviour, work, watcher: null)
{
    /// <summary>Room for what one step asks for, many times over.</summary>
    private const int WorkCapacity = 16_384;

    /// <summary>One thread writes a checkpoint while the others add and update.</summary>
    private const int MostWorkThreads = 4;

    private static readonly TimeSpan TerminationDeadline = TimeSpan.FromSeconds(10);

    /// <summary>Trains until the last step, a failure or a request to stop.</summary>
    /// <param name="system">Where the actor lives.</param>
    /// <param name="name">Of the actor.</param>
    /// <param name="behaviour">The coordinator's state machine.</param>
    /// <param name="recorder">Watches the run and writes checkpoints.</param>
    /// <param name="startWorkers">Starts the workers of a coordinator.</param>
    /// <param name="stop">Asks to stop after saving the last committed version.</param>
    /// <param name="profiler">Notes what adds and updates, if it is wanted.</param>
    /// <exception cref="RnnLmException">Why training ended before its last step.</exception>
    public static async Task RunAsync(
        ActorSystem system,
        ActorId name,
        CoordinatorBehaviour behaviour,
        IRunRecorder recorder,
        Action<IActorRef> startWorkers,
        Task<StopRequested> stop,
        Profiler? profiler = null)
    {
        ArgumentNullException.ThrowIfNull(system);
        ArgumentNullException.ThrowIfNull(recorder);
        ArgumentNullException.ThrowIfNull(startWorkers);
        using var work = new WorkThreads("coordinator", MostWorkThreads, WorkCapacity);
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var coordinator = system.Spawn<CoordinatorActor>(name, behaviour, recorder, work, end, profiler);
        bool isIdle;
        try
        {
            startWorkers(coordinator);
            _ = stop.PipeTo(coordinator);
            _ = recorder.LeaseLost.PipeTo(coordinator, success: lost => new LeaseLost(lost));
            await end.Task.ConfigureAwait(false);
        }
        finally
        {
            // The run's lease is given back after this, even when the coordinator failed: nobody writes any more.
            system.Stop(coordinator);
            await Task.WhenAny(end.Task, Task.Delay(TerminationDeadline)).ConfigureAwait(false);
            isIdle = work.Finish(Saving.Deadline);
        }

        if (!isIdle)
        {
            throw RnnLmException.Storage(
                $"a checkpoint is still being written after {Saving.Deadline.TotalMinutes:F0} min; " +
                $"look after the disk");
        }
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        base.PostStop();
        if (HasEnded && Failure is null)
        {
            end.TrySetResult();
        }
        else
        {
            end.TrySetException(Failure ?? new RnnLmException(
                ExitCode.Cluster,
                "the cluster has taken this coordinator for lost and has ended it; what was saved can be gone on " +
                "with"));
        }
    }

    /// <inheritdoc/>
    protected override Func<Message> WorkOf(RunWork run) => profiler is null ? run.Work : () =>
    {
        using var work = profiler.Begin(run.Name);
        return run.Work();
    };

    /// <inheritdoc/>
    protected override void CarryOut(Effect effect, Action<Message> answer) =>
        CarryOut(effect, recorder, Run);

    /// <summary>Carries out an effect that only a coordinator has.</summary>
    internal static void CarryOut(Effect effect, IRunRecorder recorder, Action<Func<Message>> run)
    {
        switch (effect)
        {
            case Report report:
                recorder.Observe(report.Event);
                break;
            case Illustrate illustrate:
                recorder.Illustrate(illustrate.Version);
                break;
            case SaveCheckpoint save:
                run(() => Write(save, recorder));
                break;
            default:
                throw new InvalidOperationException($"the coordinator has no effect {effect.GetType().Name}");
        }
    }

    private static CheckpointWritten Write(SaveCheckpoint save, IRunRecorder recorder)
    {
        try
        {
            recorder.Write(save);
            return new CheckpointWritten(save.State.Version, null);
        }
#pragma warning disable CA1031 // A checkpoint that cannot be written is the coordinator's to judge.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            return new CheckpointWritten(save.State.Version, failure);
        }
        finally
        {
            save.State.Release();
        }
    }
}
