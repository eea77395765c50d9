using RnnLm.Cluster.Tests;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>
/// A cluster on loopback: coordinators with one run storage, two workers that share the machine's cores out, one job.
/// </summary>
/// <param name="bench">Whose processes they are.</param>
/// <param name="coordinators">How many.</param>
/// <param name="profile">Of all processes.</param>
internal sealed class TrialCluster(Bench bench, int coordinators, ClusterProfile profile)
{
    private const string Job = "bench";

    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_submitLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_stepLimit = TimeSpan.FromMinutes(3);

    /// <summary>Steps that are trained with both workers before anything is measured.</summary>
    private const int WarmupSteps = 10;

    private readonly string _storage = bench.NewDirectory("storage");
    private readonly IReadOnlyList<int> _ports = FreePorts.Find(coordinators);
    private readonly Child[] _coordinators = new Child[coordinators];
    private readonly List<Child> _workers = [];

    /// <summary>Options by which a process gets certificates; none if none.</summary>
    public IReadOnlyList<string> Certificates { get; init; } = [];

    /// <summary>What starts the workers.</summary>
    public IReadOnlyList<string> WorkerLauncher { get; init; } = [];

    /// <summary>The run directory of the job.</summary>
    public string Run => Path.Combine(_storage, "runs", Job);

    /// <summary>The coordinators.</summary>
    public IReadOnlyList<Child> Coordinators => _coordinators;

    /// <summary>The workers.</summary>
    public IReadOnlyList<Child> Workers => _workers;

    /// <summary>Where the coordinators listen.</summary>
    public IReadOnlyList<ClusterAddress> Addresses =>
        [.. _ports.Select(port => ClusterAddress.Loopback with { Port = port })];

    private string Profile => profile == ClusterProfile.Fast ? "fast" : "steady";

    /// <summary>Starts coordinators and workers, and submits the job.</summary>
    public void Start(TrainingText text, long steps, long checkpointEvery, int minWorkers)
    {
        string file = bench.NewPath("job");
        File.WriteAllText(file, text.JobFile(steps, checkpointEvery, minWorkers).ToJsonString());
        bench.Run(s_submitLimit, "submit", file, "--name", Job, "--storage", _storage);
        for (int index = 0; index < coordinators; index++)
        {
            // The first one begins the cluster.
            StartCoordinator(index, Enumerable.Range(0, index));
        }

        foreach (int index in new[] { 0, 1 })
        {
            _workers.Add(bench.StartUnder(
                WorkerLauncher,
                $"worker {index}",
                [
                    "worker", "--name", $"worker-{index}", "--threads", $"{Machine.HalfOfTheCores}",
                    "--stop-at-end-of-input", "--profile", Profile, .. Seeds(Enumerable.Range(0, coordinators)),
                    .. Certificates,
                ]));
        }
    }

    /// <summary>Starts a coordinator again that has ended, at its address, as a member of the cluster of the others.
    /// </summary>
    public void StartAgain(int index) =>
        StartCoordinator(index, Enumerable.Range(0, coordinators).Where(other => other != index));

    /// <summary>Waits until steps are trained with both workers.</summary>
    /// <param name="journal">Of the job.</param>
    public void WaitForSteps(StoredJournal journal)
    {
        bench.WaitUntil("both workers at work", s_stepLimit, () =>
        {
            journal.Read();
            return journal.Events
                .Where(line => line.Incarnation == journal.Incarnation && line.Name == "worker_joined")
                .Select(line => line.Worker).Distinct().Count() == _workers.Count;
        });
        int before = journal.Steps.Count;
        bench.WaitUntil($"{WarmupSteps} steps", s_stepLimit, () =>
        {
            journal.Read();
            return journal.Steps.Count >= before + WarmupSteps;
        });
    }

    /// <summary>The coordinator that runs the job: it has said last that it took it.</summary>
    public (int Index, Taking Taking) Holder() => _coordinators
        .Select((coordinator, index) => (Index: index, Taking: Taking.Of(coordinator, Job)))
        .Where(each => each.Taking is not null && !_coordinators[each.Index].HasEnded)
        .Select(each => (each.Index, each.Taking!))
        .MaxBy(each => each.Item2.Incarnation);

    /// <summary>Waits until a coordinator has taken the job after another had it.</summary>
    public Taking WaitForTaking(long after, TimeSpan limit) => bench.Wait(
        $"a coordinator that takes the job after incarnation {after}",
        limit,
        () => _coordinators.Select(coordinator => Taking.Of(coordinator, Job))
            .FirstOrDefault(taking => taking?.Incarnation > after));

    /// <summary>Ends all of it at once.</summary>
    public void End()
    {
        foreach (var child in _workers.Concat(_coordinators.OfType<Child>()))
        {
            child.End();
        }
    }

    private void StartCoordinator(int index, IEnumerable<int> seeds)
    {
        var child = bench.Start(
            $"coordinator {index}",
            [
                "coordinator", "--storage", _storage, "--listen", $"{Addresses[index]}", "--profile", Profile,
                .. Seeds(seeds), .. Certificates,
            ]);
        _coordinators[index] = child;
        bench.WaitUntil($"{child.Name} to listen", s_startLimit, () => child.LastWith("listens on") is not null);
    }

    private IReadOnlyList<string> Seeds(IEnumerable<int> indices) =>
        indices.Select(index => $"{Addresses[index]}").ToList() is { Count: > 0 } seeds
            ? ["--seed-node", .. seeds]
            : [];
}

/// <summary>That a coordinator took the job.</summary>
/// <param name="At">When it said so.</param>
/// <param name="Incarnation">Its number.</param>
/// <param name="Version">The checkpoint's version that it goes on from.</param>
internal sealed record Taking(long At, long Incarnation, long Version)
{
    private const string Taken = ": taken, incarnation ";
    private const string From = ": going on from the checkpoint of step ";

    /// <summary>The last time that a coordinator took a job; null when it never did, or has not found the checkpoint
    /// yet.</summary>
    public static Taking? Of(Child coordinator, string job)
    {
        var taken = coordinator.LastWith(job + Taken);
        var from = coordinator.LastWith(job + From);
        return taken is not null && from is not null && from.At >= taken.At
            ? new Taking(taken.At, Number(taken, Taken), Number(from, From))
            : null;
    }

    private static long Number(Line line, string before) => long.Parse(
        line.Text[(line.Text.IndexOf(before, StringComparison.Ordinal) + before.Length)..],
        System.Globalization.CultureInfo.InvariantCulture);
}
