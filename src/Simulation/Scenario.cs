namespace RnnLm.Simulation;

/// <summary>What a seed decides before a simulation begins.</summary>
/// <param name="Job">What is trained.</param>
/// <param name="TotalSteps">Until when.</param>
/// <param name="CheckpointEvery">Steps between checkpoints; 0 for the last only.</param>
/// <param name="EvaluateEvery">Steps between evaluations; 0 for the last only.</param>
/// <param name="Keep">Newest checkpoints that are kept.</param>
/// <param name="Workers">Number of workers.</param>
/// <param name="IsOneProcess">Coordinator and workers live and die together and hand buffers over by reference.</param>
/// <param name="HasLocks">Whether the operating system's lock on the run reaches the other machines.</param>
/// <param name="ShardTime">What an ordinary device needs for a shard.</param>
/// <param name="Horizon">After that nothing goes wrong any more.</param>
/// <param name="Faults">What goes wrong until then.</param>
/// <param name="FaultPause">Mean time between two faults of one kind.</param>
internal sealed record Scenario(
    SimulatedJob Job,
    long TotalSteps,
    long CheckpointEvery,
    long EvaluateEvery,
    int Keep,
    int Workers,
    bool IsOneProcess,
    bool HasLocks,
    TimeSpan ShardTime,
    TimeSpan Horizon,
    Faults Faults,
    TimeSpan FaultPause)
{
    private const double OneProcess = 0.2;

    /// <summary>Draws one. Half of the kinds of faults that are allowed come at all, so that each also meets
    /// calm.</summary>
    public static Scenario Draw(Dice dice, Faults allowed)
    {
        var job = SimulatedJob.Draw(dice);
        bool isOneProcess = dice.Chance(OneProcess);
        var faults = Faults.None;
        foreach (var fault in Enum.GetValues<Faults>().Where(fault => fault is not Faults.None and not Faults.All))
        {
            faults |= dice.Chance(0.5) ? fault & allowed : Faults.None;
        }

        if (isOneProcess)
        {
            faults &= ~(Faults.Delay | Faults.Loss | Faults.Duplicate | Faults.Reorder | Faults.Partition |
                Faults.Reachability | Faults.Membership);
        }

        return new Scenario(
            job,
            dice.Between(1, job.Reference.Count - 1),
            dice.Between(0, 4),
            dice.Between(0, 4),
            dice.Between(1, 3),
            dice.Between(1, 5),
            isOneProcess,
            HasLocks: isOneProcess || dice.Chance(0.5),
            dice.Between(TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(5)),
            dice.Between(TimeSpan.FromSeconds(20), TimeSpan.FromMinutes(30)),
            faults,
            dice.Between(TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5)));
    }
}
