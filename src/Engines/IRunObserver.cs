using RnnLm.Coordinator;

namespace RnnLm.Engines;

/// <summary>Watches a run. Called on the coordinator's actor, one call at a time, in order: it must be quick.</summary>
public interface IRunObserver
{
    /// <summary>Something happened.</summary>
    void Observe(TrainingEvent trainingEvent);

    /// <summary>A version was evaluated and may be shown at work; the observer owns the reference.</summary>
    void Illustrate(ParameterVersion version);
}
