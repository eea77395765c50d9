using System.Text.Json;

namespace RnnLm.Cluster.Tests;

/// <summary>
/// A cluster of processes on loopback: coordinators with one run storage, workers, and the commands that work on the
/// storage. All of it is ended, and its files are removed, with the test.
/// </summary>
/// <param name="coordinators">How many there may be: their addresses are known from the start.</param>
/// <param name="options">Of all its processes.</param>
internal sealed class JobCluster(int coordinators, params IReadOnlyList<string> options) : IDisposable
{
    private readonly List<ClusterProcess> _all = [];
    private readonly Dictionary<string, RunProgress> _progress = [];
    private readonly ClusterProcess?[] _coordinators = new ClusterProcess?[coordinators];
    private readonly IReadOnlyList<int> _ports = FreePorts.Find(coordinators);
    private readonly TemporaryDirectory _directory = Prepare();

    /// <summary>Where its processes run.</summary>
    public TemporaryDirectory Directory => _directory;

    /// <summary>Relative to the directory, in which every process and command runs.</summary>
    public static string Storage => "storage";

    /// <summary>Where a coordinator is reached.</summary>
    public string HostName { get; init; } = "127.0.0.1";

    /// <summary>The coordinators' processes, as they were started last.</summary>
    public IReadOnlyList<ClusterProcess?> Coordinators => _coordinators;

    /// <summary>All that were ever started.</summary>
    public IReadOnlyList<ClusterProcess> All => _all;

    /// <summary>Address of a coordinator.</summary>
    public string AddressOf(int coordinator) => $"{HostName}:{_ports[coordinator]}";

    /// <summary>Port of a coordinator.</summary>
    public int PortOf(int coordinator) => _ports[coordinator];

    /// <summary>Starts all coordinators: the first one begins the cluster.</summary>
    public JobCluster StartCoordinators()
    {
        for (int index = 0; index < coordinators; index++)
        {
            StartCoordinator(index, Enumerable.Range(0, index));
        }

        return this;
    }

    /// <summary>Starts a coordinator again, to join the others.</summary>
    public ClusterProcess StartCoordinatorAgain(int index) =>
        StartCoordinator(index, Enumerable.Range(0, coordinators).Where(other => other != index));

    /// <summary>Starts a coordinator and waits until it listens.</summary>
    /// <param name="index">Which one.</param>
    /// <param name="seeds">Those that it joins; none to begin a cluster.</param>
    /// <param name="launcher">What starts it; may be empty.</param>
    public ClusterProcess StartCoordinator(int index, IEnumerable<int> seeds, params IEnumerable<string> launcher)
    {
        var process = Start(
            $"coordinator {index}",
            launcher,
            ["coordinator", "--storage", Storage, "--listen", AddressOf(index), .. Seeds(seeds), .. options]);
        _coordinators[index] = process;
        process.WaitFor("listens on");
        return process;
    }

    /// <summary>Starts a worker that knows all coordinators.</summary>
    /// <param name="name">Of the worker.</param>
    /// <param name="launcher">What starts it; may be empty.</param>
    public ClusterProcess StartWorker(string name, params IEnumerable<string> launcher) => Start(
        name,
        launcher,
        [
            "worker", "--name", name, "--threads", "1", .. Seeds(Enumerable.Range(0, coordinators)), .. options,
        ]);

    /// <summary>Starts <c>rnnlm</c>.</summary>
    public ClusterProcess Start(string name, IEnumerable<string> launcher, IEnumerable<string> arguments)
    {
        var process = new ClusterProcess(name, _directory, launcher, arguments);
        _all.Add(process);
        return process;
    }

    /// <summary>Puts a job into the storage.</summary>
    public void Submit(ClusterJob job)
    {
        string file = $"{job.Name}.json";
        _directory.Write(file, job.File);
        RnnLmProcess.Run(_directory, "submit", file, "--storage", Storage).Succeeded();

        _progress.Add(job.Name, new RunProgress(RunOf(job)));
    }

    /// <summary>Takes a job back and waits until it is saved and nobody runs it.</summary>
    public void Cancel(ClusterJob job)
    {
        // A process that handed the job over has stopped it before.
        string stopped = $"{job.Name}: saved and stopped";
        int before = _all.Sum(process => process.Count(stopped));
        RnnLmProcess.Run(_directory, "cancel", job.Name, "--storage", Storage).Succeeded();
        WaitUntil($"{job.Name} is saved", () => _all.Sum(process => process.Count(stopped)) > before);
    }

    /// <summary>The report of a job by <c>rnnlm jobs</c>.</summary>
    public JsonElement Report(ClusterJob job) =>
        RnnLmProcess.Run(_directory, "jobs", "--storage", Storage, "--json").Succeeded()
            .Objects.Single(line => line.GetProperty("job").GetString() == job.Name);

    /// <summary>Waits until a job has reached its last step.</summary>
    public void WaitForEnd(ClusterJob job) => WaitUntil(
        $"{job.Name} is done",
        () => All.Any(process => process.Says($"{job.Name}: done")));

    /// <summary>Waits until something is so; what all processes said last is told when it does not come.</summary>
    public void WaitUntil(string what, Func<bool> condition) => Wait.Until(what, condition, () => _all);

    /// <summary>Waits until so many steps more are in the job's metrics.</summary>
    public void WaitForSteps(ClusterJob job, int count)
    {
        long from = LastStep(job);
        WaitUntil($"{job.Name} is at step {from + count}", () => LastStep(job) >= from + count);
    }

    /// <summary>The coordinator that has taken a job last.</summary>
    public ClusterProcess Holder(ClusterJob job)
    {
        var (holder, incarnation) = _all
            .Select(process => (Process: process, Incarnation: Taken(process, job)))
            .MaxBy(each => each.Incarnation);
        Assert.True(incarnation > 0, $"nobody has taken {job.Name}:\n{Wait.LastWords(_all)}");
        return holder;
    }

    /// <summary>Number of the coordinator that has taken a job last.</summary>
    public int HolderIndex(ClusterJob job) => Array.IndexOf(_coordinators, Holder(job));

    /// <summary>Waits until a job is run by another process than this one.</summary>
    public ClusterProcess WaitForOtherHolder(ClusterJob job, ClusterProcess than)
    {
        WaitUntil($"another than {than.Name} takes {job.Name}", () => Holder(job) != than);
        return Holder(job);
    }

    /// <summary>
    /// Fetches a job's run and requires of it what <c>train</c> makes in one process: model, optimizer and ledger, with
    /// every step once and the tokens of the plan.
    /// </summary>
    public void RequireSameAsTrain(ClusterJob job)
    {
        string fetched = $"{job.Name}-fetched";
        RnnLmProcess.Run(_directory, "fetch", job.Name, "--storage", Storage, "--to", fetched).Succeeded();
        var files = _directory.Run(fetched);
        RnnLmProcess.Run(_directory, job.TrainTo(files.FinalStep, $"{job.Name}-train")).Succeeded();
        var expected = _directory.Run($"{job.Name}-train");
        Assert.Equal(expected.FinalHashes, files.FinalHashes);
        Assert.Equal(expected.LedgerHash, files.LedgerHash);
        var inspection = RnnLmProcess.Run(_directory, "inspect", fetched, "--plan").Succeeded();
        Assert.Contains("everything verified", inspection.Lines);
    }

    /// <summary>Requires that no process has complained, or shown a user what is inside.</summary>
    public void RequireQuiet()
    {
        foreach (var process in _all)
        {
            Assert.Empty(process.Errors);
            process.RequireNoTrace();
        }
    }

    /// <summary>Ends all processes at once.</summary>
    public void End()
    {
        foreach (var progress in _progress.Values)
        {
            progress.Dispose();
        }

        foreach (var process in _all)
        {
            process.Dispose();
        }
    }

    public void Dispose()
    {
        End();
        _directory.Dispose();
    }

    /// <summary>The last step in a job's metrics; -1 when there is none.</summary>
    public long LastStep(ClusterJob job) => _progress[job.Name].LastStep;

    /// <summary>The longest time between two steps of a job since this was asked last.</summary>
    public TimeSpan WatchPauses(ClusterJob job) => _progress[job.Name].WatchPauses();

    /// <summary>Run directory of a job.</summary>
    public string RunOf(ClusterJob job) => Path.Combine(_directory.Root, Storage, "runs", job.Name);

    private static TemporaryDirectory Prepare()
    {
        var directory = new TemporaryDirectory();
        directory.Write("corpus.txt", SmallText.Sentences(60));
        System.IO.Directory.CreateDirectory(Path.Combine(directory.Root, Storage));
        return directory;
    }

    private static long Taken(ClusterProcess process, ClusterJob job)
    {
        string said = $"{job.Name}: taken, incarnation ";
        return process.Lines
            .Where(line => line.Contains(said, StringComparison.Ordinal))
            .Select(line => long.Parse(line[(line.IndexOf(said, StringComparison.Ordinal) + said.Length)..], null))
            .DefaultIfEmpty().Max();
    }

    private string[] Seeds(IEnumerable<int> indices) =>
        indices.Select(AddressOf).ToArray() is { Length: > 0 } seeds ? ["--seed-node", .. seeds] : [];
}
