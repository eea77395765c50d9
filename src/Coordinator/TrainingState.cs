namespace RnnLm.Coordinator;

/// <summary>
/// All that training carries from one step to the next: what a checkpoint holds. The holder owns one reference to each
/// buffer; a second holder takes a <see cref="Snapshot"/>, and from then on nobody writes these buffers until it is
/// released.
/// </summary>
/// <param name="Parameters">The parameters after <c>Parameters.Version</c> steps.</param>
/// <param name="Moments">What the optimizer keeps of each parameter, laid out like the parameters, as
/// <see cref="OptimizerSettings.Moments"/> lists them.</param>
/// <param name="OptimizerSteps">Updates that the optimizer has made; skipped steps do not count.</param>
/// <param name="ExamplesSeen">Examples of all committed steps.</param>
/// <param name="TokensSeen">Predicted tokens of all committed steps.</param>
/// <param name="Plateau">What evaluations have made of the learning rate; null before the first, and for schedules that
/// do not go by them.</param>
/// <param name="SinceBest">Evaluations that were due and have not improved on the best, since that one.</param>
public sealed record TrainingState(
    ParameterVersion Parameters,
    IReadOnlyList<CountedBuffer> Moments,
    long OptimizerSteps,
    long ExamplesSeen,
    long TokensSeen,
    PlateauState? Plateau = null,
    long SinceBest = 0)
{
    /// <summary>Number of steps made: the step that comes next.</summary>
    public long Version => Parameters.Version;

    /// <summary>The same state for a second holder.</summary>
    public TrainingState Snapshot()
    {
        Parameters.Retain();
        foreach (var moment in Moments)
        {
            moment.Retain();
        }

        return this;
    }

    /// <summary>Gives back what the next state does not go on with; moments may have been overwritten.</summary>
    public void ReleaseAllBut(TrainingState next)
    {
        ArgumentNullException.ThrowIfNull(next);
        foreach (var moment in Moments.Where(moment => !next.Moments.Contains(moment)))
        {
            moment.Release();
        }

        Parameters.Release();
    }

    /// <summary>Gives the references back.</summary>
    public void Release()
    {
        Parameters.Release();
        foreach (var moment in Moments)
        {
            moment.Release();
        }
    }
}
