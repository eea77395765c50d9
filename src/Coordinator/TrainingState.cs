namespace RnnLm.Coordinator;

/// <summary>
/// All that training carries from one step to the next: what a checkpoint holds. The holder owns one reference to each
/// buffer; a second holder takes a <see cref="Snapshot"/>, and from then on nobody writes these buffers until it is
/// released.
/// </summary>
/// <param name="Parameters">The parameters after <c>Parameters.Version</c> steps.</param>
/// <param name="FirstMoment">Adam's running mean of gradients, laid out like the parameters.</param>
/// <param name="SecondMoment">Adam's running mean of squared gradients, laid out like the parameters.</param>
/// <param name="OptimizerSteps">Updates that Adam has made; skipped steps do not count.</param>
/// <param name="ExamplesSeen">Examples of all committed steps.</param>
/// <param name="TokensSeen">Predicted tokens of all committed steps.</param>
public sealed record TrainingState(
    ParameterVersion Parameters,
    CountedBuffer FirstMoment,
    CountedBuffer SecondMoment,
    long OptimizerSteps,
    long ExamplesSeen,
    long TokensSeen)
{
    /// <summary>Number of steps made: the step that comes next.</summary>
    public long Version => Parameters.Version;

    /// <summary>The same state for a second holder.</summary>
    public TrainingState Snapshot()
    {
        Parameters.Retain();
        FirstMoment.Retain();
        SecondMoment.Retain();
        return this;
    }

    /// <summary>Gives back what the next state does not go on with; moments may have been overwritten.</summary>
    public void ReleaseAllBut(TrainingState next)
    {
        ArgumentNullException.ThrowIfNull(next);
        foreach (var (old, kept) in new[] { (FirstMoment, next.FirstMoment), (SecondMoment, next.SecondMoment) })
        {
            if (!ReferenceEquals(old, kept))
            {
                old.Release();
            }
        }

        Parameters.Release();
    }

    /// <summary>Gives the references back.</summary>
    public void Release()
    {
        Parameters.Release();
        FirstMoment.Release();
        SecondMoment.Release();
    }
}
