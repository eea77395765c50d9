using System.Diagnostics;
using RnnLm.Compare;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>
/// Three coordinators, two workers and a job, and how long it is until another coordinator has committed a step when
/// the one that runs the job is killed or asked to end.
/// </summary>
/// <param name="bench">Whose processes they are.</param>
/// <param name="text">What is trained.</param>
/// <param name="profile">Of all processes.</param>
internal sealed class NodeFaults(Bench bench, TrainingText text, ClusterProfile profile)
{
    private const int Coordinators = 3;
    private const int CheckpointEvery = 5;

    /// <summary>Steps whose median says how many were done when a coordinator was killed.</summary>
    private const int StepsMeasured = 8;

    private static readonly TimeSpan s_mostPause = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_recoveryLimit = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan s_memberLimit = TimeSpan.FromMinutes(3);

    /// <summary>The coordinator is killed.</summary>
    public IReadOnlyList<Repetition> Killed(int count) =>
        Measure(profile == ClusterProfile.Fast ? Recovery.Names[4] : Recovery.Names[3], count, Signal.Kill);

    /// <summary>The coordinator is asked to end.</summary>
    public IReadOnlyList<Repetition> Stopped(int count) => Measure(Recovery.Names[5], count, Signal.Terminate);

    private List<Repetition> Measure(string name, int count, Signal signal)
    {
        var cluster = new TrialCluster(bench, Coordinators, profile);
        cluster.Start(text, TrainingText.EndlessSteps, CheckpointEvery, minWorkers: 1);
        var observer = Observer.Join(bench, cluster.Addresses, profile);
        try
        {
            var journal = new StoredJournal(cluster.Run);
            var workers = cluster.Workers.Select(worker => worker.Process).ToList();
            List<Repetition> repetitions = [];
            var random = new Random(count);
            for (int number = 1; number <= count; number++)
            {
                WaitUntilAllAreUp(cluster, observer, null);
                cluster.WaitForSteps(journal);

                // Its metrics are written with a checkpoint: anywhere between two of them.
                bench.Pass(s_mostPause * random.NextDouble());
                repetitions.Add(Recovery.Done(name, number, count, Once(cluster, observer, journal, signal)));
                if (!workers.TrueForAll(worker => worker.IsAlive))
                {
                    throw Bench.Failure("a worker process has ended, which the loss of a coordinator must not cause");
                }
            }

            return repetitions;
        }
        finally
        {
            observer.DisposeAsync().AsTask().GetAwaiter().GetResult();
            cluster.End();
        }
    }

    private Repetition Once(TrialCluster cluster, Observer observer, StoredJournal journal, Signal signal)
    {
        var (index, holding) = cluster.Holder();
        var holder = cluster.Coordinators[index];
        var old = observer.Up()[cluster.Addresses[index].Port];
        holder.Send(signal);
        long sent = Stopwatch.GetTimestamp();
        long reached = StepsUntil(sent, journal, holding.Incarnation);
        var taking = cluster.WaitForTaking(holding.Incarnation, s_recoveryLimit);
        var first = WaitForStep(journal, taking, taking.Version);

        // Its steps up to the one that had been reached are done again; after a hand-over there are none.
        var caughtUp = WaitForStep(journal, taking, Math.Max(taking.Version, reached - 1));
        bench.WaitUntil("the coordinator's end", s_recoveryLimit, () => holder.HasEnded);
        var repetition = new Repetition(Bench.Seconds(sent, first.At), new Dictionary<string, double>
        {
            ["until another has taken the job"] = Bench.Seconds(sent, taking.At),
            ["from there to the first step"] = Bench.Seconds(taking.At, first.At),
            ["steps done again, about"] = Math.Max(0, reached - taking.Version),
            ["doing them again"] = Bench.Seconds(first.At, caughtUp.At),
        });
        Tell(cluster, sent);
        cluster.StartAgain(index);
        WaitUntilAllAreUp(cluster, observer, old);
        return repetition;
    }

    /// <summary>What the processes have said since a moment: where the time went.</summary>
    private static void Tell(TrialCluster cluster, long since)
    {
        var lines = cluster.Coordinators.Concat(cluster.Workers)
            .SelectMany(child => child.LinesFrom(0).Select(line => (child.Name, Line: line)))
            .Where(said => said.Line.At >= since)
            .OrderBy(said => said.Line.At);
        foreach (var (name, line) in lines)
        {
            Console.Error.WriteLine($"  {Bench.Seconds(since, line.At),6:0.00} s  {name}: {line.Text}");
        }
    }

    /// <summary>The version that was reached at a moment. What the one that was killed has not written down is made up
    /// for by the pace of its last steps.</summary>
    private static long StepsUntil(long moment, StoredJournal journal, long incarnation)
    {
        journal.Read();
        var steps = journal.Steps.Where(step => step.Incarnation == incarnation).ToList();
        double pace = Statistics.Median(steps.TakeLast(StepsMeasured).Select(step => step.Seconds));
        return steps[^1].Step + 1 + (long)Math.Max(0, Bench.Seconds(steps[^1].At, moment) / pace);
    }

    private CommittedStep WaitForStep(StoredJournal journal, Taking taking, long number) => bench.Wait(
        $"step {number} of incarnation {taking.Incarnation}",
        s_recoveryLimit,
        () =>
        {
            journal.Read();

            // The lines before are those of the coordinators before.
            return journal.Steps.Find(step => step.Incarnation == taking.Incarnation && step.Step == number);
        });

    private void WaitUntilAllAreUp(TrialCluster cluster, Observer observer, Akka.Cluster.UniqueAddress? old) =>
        bench.WaitUntil("all coordinators to be up", s_memberLimit, () =>
        {
            var up = observer.Up();
            return cluster.Addresses.All(address => up.ContainsKey(address.Port)) && !up.Values.Contains(old);
        });
}
