namespace RnnLm.Worker;

/// <summary>
/// A model replica of one thread: computes one shard at a time. The result depends on parameters and tokens alone. Not
/// thread-safe; every method is called from the thread that the device made it for.
/// </summary>
public interface IReplica : IDisposable
{
    /// <summary>Writes the sum over the shard's tokens of the loss and of its gradient into <paramref name="result"/>
    /// (cleared before).</summary>
    void ComputeGradient(ParameterVersion parameters, ShardTokens shard, Gradient result);

    /// <summary>The sum over the shard's tokens of the loss, in nats.</summary>
    double ComputeLoss(ParameterVersion parameters, ShardTokens shard);

    /// <summary>The same of a text that goes on, and the state after it.</summary>
    /// <param name="parameters">All parameters.</param>
    /// <param name="text">One example.</param>
    /// <param name="state">Before it (<see cref="ParameterLayout.StateWidth"/>), or empty for zeros.</param>
    (double LossSum, float[] State) ComputeLoss(ParameterVersion parameters, ShardTokens text, float[] state);
}
