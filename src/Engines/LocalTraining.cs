using RnnLm.Coordinator;
using RnnLm.Worker;

namespace RnnLm.Engines;

/// <summary>Coordinator and workers of one run in this process.</summary>
public static class LocalTraining
{
    /// <summary>Trains until the last step, a failure or a request to stop.</summary>
    /// <param name="coordinator">The coordinator's state machine.</param>
    /// <param name="devices">One worker for each; they are disposed of at the end.</param>
    /// <param name="writer">Writes checkpoints.</param>
    /// <param name="observer">Watches the run.</param>
    /// <param name="stop">Asks to stop after saving the last committed version.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="RnnLmException">Why training ended before its last step.</exception>
    public static async Task RunAsync(
        CoordinatorBehaviour coordinator,
        IReadOnlyList<IDevice> devices,
        ICheckpointWriter writer,
        IRunObserver observer,
        Task<StopRequested> stop,
        TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(devices);
        var engine = new LocalEngine(time);
        try
        {
            var end = engine.Spawn(ActorId.Coordinator, coordinator, new CoordinatorEffects(writer, observer), watcher: null);
            for (int index = 0; index < devices.Count; index++)
            {
                var id = ActorId.Worker(index);
                _ = engine.Spawn(id, new WorkerBehaviour(id, devices[index].Threads), new DeviceEffects(devices[index]), ActorId.Coordinator);
            }

            if (await Task.WhenAny(end, stop).ConfigureAwait(false) != end)
            {
                engine.Tell(ActorId.Coordinator, await stop.ConfigureAwait(false));
            }

            await end.ConfigureAwait(false);
        }
        finally
        {
            foreach (var device in devices)
            {
                device.Dispose();
            }
        }
    }
}
