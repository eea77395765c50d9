using RnnLm.Cluster;
using RnnLm.Coordinator;

namespace RnnLm.Simulation;

/// <summary>What a seed decides before a simulation begins.</summary>
/// <param name="Job">What is trained.</param>
/// <param name="TotalSteps">Until when.</param>
/// <param name="CheckpointEvery">Steps between checkpoints; 0 for the last only.</param>
/// <param name="EvaluateEvery">Steps between evaluations; 0 for the last only.</param>
/// <param name="VerifyEvery">Steps between comparisons of two workers; 0 for none.</param>
/// <param name="OnMismatch">What to do when they differ.</param>
/// <param name="Keep">Newest checkpoints that are kept.</param>
/// <param name="Workers">Number of workers.</param>
/// <param name="IsOneProcess">Coordinator and workers live and die together and hand buffers over by reference.</param>
/// <param name="HasLocks">Whether the operating system's lock on the run reaches the other machines.</param>
/// <param name="MostMessageBytes">What is larger travels as bulk.</param>
/// <param name="ShardTime">What an ordinary device needs for a shard.</param>
/// <param name="Horizon">After that nothing goes wrong any more.</param>
/// <param name="Faults">What goes wrong until then.</param>
/// <param name="FaultPause">Mean time between two faults of one kind.</param>
/// <param name="Poison">What no device can compute; null for nothing.</param>
internal sealed record Scenario(
    SimulatedJob Job,
    long TotalSteps,
    long CheckpointEvery,
    long EvaluateEvery,
    long VerifyEvery,
    MismatchPolicy OnMismatch,
    int Keep,
    int Workers,
    bool IsOneProcess,
    bool HasLocks,
    int MostMessageBytes,
    TimeSpan ShardTime,
    TimeSpan Horizon,
    Faults Faults,
    TimeSpan FaultPause,
    Poison? Poison)
{
    private const double OneProcess = 0.2;

    /// <summary>What needs a network, or more processes than one.</summary>
    private const Faults BetweenProcesses = Faults.Delay | Faults.Loss | Faults.Duplicate | Faults.Reorder |
        Faults.Partition | Faults.Reachability | Faults.Membership | Faults.Garble | Faults.Bulk;

    /// <summary>What ends runs early, or makes every step slow, comes in fewer of them.</summary>
    private const Faults Rare = Faults.Error | Faults.Poison | Faults.Mismatch | Faults.Foreign | Faults.Divergence;

    /// <summary>The version that the run ends with, and how.</summary>
    public (long Version, ExitCode Code) End
    {
        get
        {
            var ends = new List<(long Version, ExitCode Code)> { (TotalSteps, ExitCode.Done) };
            if (Job.DivergesAt is { } step && step < TotalSteps && Job.Divergence == DivergencePolicy.Stop)
            {
                ends.Insert(0, (step, ExitCode.Diverged));
            }

            if (Poison is { Piece: null } shard)
            {
                ends.Insert(0, (shard.Step, ExitCode.BadInput));
            }
            else if (Poison is not null)
            {
                long first = EvaluateEvery > 0 ? Math.Min(EvaluateEvery, TotalSteps) : TotalSteps;
                ends.Insert(0, (first, ExitCode.BadInput));
            }

            return ends.MinBy(end => end.Version);
        }
    }

    /// <summary>Draws one. Of the kinds of faults that are allowed only some come, so that each also meets calm.
    /// </summary>
    public static Scenario Draw(Dice dice, Faults allowed)
    {
        bool isOneProcess = dice.Chance(OneProcess);
        var faults = Faults.None;
        foreach (var fault in Enum.GetValues<Faults>().Where(fault => fault is not Faults.None and not Faults.All))
        {
            faults |= dice.Chance((fault & Rare) != 0 ? 0.15 : 0.5) ? fault & allowed : Faults.None;
        }

        faults &= isOneProcess ? ~BetweenProcesses : Faults.All;
        var job = SimulatedJob.Draw(dice, (faults & Faults.Divergence) != 0);
        long steps = dice.Between(1, job.Reference.Count - 1);
        long verifyEvery = dice.Chance(0.7) && (faults & Faults.Mismatch) == 0 ? 0 : dice.Between(1, 3);
        long checkpointEvery = dice.Between(0, 4);
        long evaluateEvery = dice.Between(0, 4);
        return new Scenario(
            job,
            steps,
            checkpointEvery,
            job.PlateauEvery > 0 ? job.PlateauEvery : evaluateEvery,
            verifyEvery,
            dice.Chance(0.5) ? MismatchPolicy.Continue : MismatchPolicy.Stop,
            dice.Between(1, 3),
            dice.Between(1, 5),
            isOneProcess,
            HasLocks: isOneProcess || dice.Chance(0.5),
            dice.Chance(0.3) ? dice.Between(40, 200) : LinkActor.MostMessageBytes,
            dice.Between(TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(5)),
            dice.Between(TimeSpan.FromSeconds(20), TimeSpan.FromMinutes(30)),
            faults,
            dice.Between(TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5)),
            (faults & Faults.Poison) == 0 ? null : Poison.Draw(dice, job, steps));
    }

    /// <summary>Whether a worker's device is the one that computes wrongly.</summary>
    public bool IsWrong(ActorId worker) => (Faults & Faults.Mismatch) != 0 && worker == ActorId.Worker(0);
}

/// <summary>What fails on whatever device: a shard of a step, or a piece of the validation text.</summary>
/// <param name="Step">The step; of no meaning for a piece.</param>
/// <param name="Shard">The shard; of no meaning for a piece.</param>
/// <param name="Piece">The piece; null for a shard.</param>
internal sealed record Poison(long Step, int Shard, int? Piece)
{
    /// <summary>Draws one.</summary>
    public static Poison Draw(Dice dice, SimulatedJob job, long steps)
    {
        int step = dice.Below((int)steps);
        int[] shards = [.. Enumerable.Range(0, job.Shards).Where(shard => job.Step(step)[shard].TargetCount > 0)];
        int pieces = job.Validation.Count;
        return new Poison(step, dice.Of(shards), pieces > 0 && dice.Chance(0.3) ? dice.Below(pieces) : null);
    }

    /// <summary>Whether it is in a range of a step.</summary>
    public bool IsIn(long step, ShardRange range) =>
        Piece is null && step == Step && range.Contains(new ShardRange(Shard, 1));
}
