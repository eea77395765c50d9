using RnnLm.Coordinator;

namespace RnnLm.Cli;

/// <summary>Sums over the steps that this process committed.</summary>
internal sealed class RunTotals
{
    /// <summary>Seconds from the first worker's joining.</summary>
    public double Seconds { get; private set; }

    /// <summary>Seconds in which no worker had anything to compute.</summary>
    public double UpdateSeconds { get; private set; }

    /// <summary>Predicted tokens.</summary>
    public long Tokens { get; private set; }

    /// <summary>The newest validation loss and the version it belongs to.</summary>
    public Evaluated? LastEvaluation { get; private set; }

    /// <summary>Takes an event in.</summary>
    public void Add(TrainingEvent trainingEvent)
    {
        switch (trainingEvent)
        {
            case StepCommitted step:
                Seconds += step.Elapsed.TotalSeconds;
                UpdateSeconds += step.UpdateElapsed.TotalSeconds;
                Tokens += step.TokenCount;
                break;
            case Evaluated evaluated:
                LastEvaluation = evaluated;
                break;
        }
    }
}
