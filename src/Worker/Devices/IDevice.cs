namespace RnnLm.Worker;

/// <summary>What computes for one worker. Work is queued and answered by a message; nothing here blocks the actor.</summary>
public interface IDevice : IDisposable
{
    /// <summary>Shards computed side by side.</summary>
    int Threads { get; }

    /// <summary>Queues the self-test.</summary>
    void Submit(RunSelfTest work, Action<Message> answer, Action<Exception> fail);

    /// <summary>Queues the shards of a range, behind what was queued before.</summary>
    void Submit(ComputeRange work, Action<Message> answer, Action<Exception> fail);

    /// <summary>Queues a piece of validation text.</summary>
    void Submit(ComputeLoss work, Action<Message> answer, Action<Exception> fail);
}
