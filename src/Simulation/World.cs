using Google.Protobuf;
using RnnLm.Cluster;
using RnnLm.Worker;

namespace RnnLm.Simulation;

/// <summary>One simulated run: its processes, and who starts what anew.</summary>
internal sealed class World
{
    /// <summary>What the self-test of the run's kind of machine gives.</summary>
    public const string SelfTest = "5e1f";

    /// <summary>What the self-test of another kind of machine gives.</summary>
    public const string ForeignSelfTest = "a11e";

    /// <summary>By then a run without further faults must have ended.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromHours(4);

    private const long MostEvents = 2_000_000;

    private static readonly TimeSpan s_supervision = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);

    private readonly List<SimulatedCoordinator> _coordinators = [];

    /// <summary>Workers of the coordinator's process, or worker processes.</summary>
    private readonly SimulatedActor?[] _members;
    private readonly HashSet<int> _left = [];
    private readonly Dictionary<string, SimulatedProcess> _processes = [];
    private SimulatedRegistry? _registry;
    private TimeSpan? _done;
    private bool _isStarting;
    private bool _isWrong;
    private ulong _numbers;

    public World(long seed, Faults allowed, IHosting hosting, Action<string>? reader)
    {
        Hosting = hosting;
        Dice = new Dice(seed);
        Trace = new Trace(reader);
        Scenario = Scenario.Draw(Dice, allowed);
        WorkTime = Dice.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(2));
        Network = new Network(this);
        Disk = new SimulatedDisk(this);
        Checks = new Checks(this);
        Replica = Scenario.Job.MakeReplica();
        _members = new SimulatedActor?[Scenario.Workers];
        Note("scenario", $"{Scenario}");
    }

    public Scenario Scenario { get; }

    public VirtualTime Time { get; } = new();

    public Dice Dice { get; }

    public Trace Trace { get; }

    public Network Network { get; }

    public SimulatedDisk Disk { get; }

    public Checks Checks { get; }

    public IHosting Hosting { get; }

    /// <summary>What all devices compute with, one after another.</summary>
    public IReplica Replica { get; }

    /// <summary>What an addition or an update takes at most.</summary>
    public TimeSpan WorkTime { get; }

    /// <summary>The first promise that was broken; null while all are kept.</summary>
    public string? Broken { get; private set; }

    /// <summary>How often what happened.</summary>
    public SortedDictionary<string, long> Counts { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether that kind of fault comes in this run.</summary>
    public bool Has(Faults fault) => (Scenario.Faults & fault) != 0;

    /// <summary>Whether that kind of fault may come now.</summary>
    public bool MayFail(Faults fault) => Has(fault) && Time.Now < Scenario.Horizon;

    public void Note(string who, string what) => Trace.Add(Time.Now, who, what);

    public void Count(string what) => Counts[what] = Counts.GetValueOrDefault(what) + 1;

    /// <summary>A promise is broken: the simulation ends.</summary>
    public void Violation(string promise)
    {
        if (_isWrong)
        {
            return;
        }

        // Stack traces differ from build to build.
        Note("checks", $"BROKEN: {promise.Split('\n')[0]}");
        Broken ??= promise;
    }

    /// <summary>Runs until the job is done and checked, or a promise is broken.</summary>
    public void Run()
    {
        for (int member = 0; member < _members.Length && !Scenario.IsOneProcess; member++)
        {
            int index = member;
            bool isLate = MayFail(Faults.Membership) && index > 0;
            Time.After(isLate ? Dice.Between(s_second, s_minute * 5) : TimeSpan.Zero, () => StartMember(index));
        }

        StartCoordinator();
        Supervise();
        new FaultInjection(this).Begin();

        try
        {
            Advance();
            if (Broken is null && !_isWrong)
            {
                // What counts is what is on the disk.
                if (Has(Faults.Power) && Dice.Chance(0.5))
                {
                    Disk.LosePower();
                }

                Checks.Final();
            }
        }
#pragma warning disable CA1031 // Whatever is thrown here is what a simulation looks for.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Violation($"nothing is thrown: {failure}");
        }
        finally
        {
            // What is still under way is dropped with its process, so that its threads can be used again.
            foreach (var process in _coordinators.Select(coordinator => coordinator.Process)
                .Concat(_members.OfType<SimulatedActor>().Select(member => member.Process)).Concat(RegistryProcess))
            {
                process.Die("is over");
            }

            Replica.Dispose();
        }
    }

    /// <summary>Whether the job is done.</summary>
    public bool IsDone => _done is not null;

    /// <summary>Those whose process lives.</summary>
    public SimulatedCoordinator[] LivingCoordinators =>
        [.. _coordinators.Where(coordinator => coordinator.Process.IsAlive)];

    /// <summary>Those that can take a message.</summary>
    public SimulatedActor[] LivingMembers => [.. _members.OfType<SimulatedActor>().Where(member => member.Lives)];

    /// <summary>Both ends of all links, in processes that live.</summary>
    public List<SimulatedLink> Links { get; } = [];

    /// <summary>The registry's, if there is one.</summary>
    public IEnumerable<SimulatedProcess> RegistryProcess => _registry is { Lives: true } ? [_registry.Process] : [];

    /// <summary>Those of members that live.</summary>
    public SimulatedDevice[] LivingDevices =>
        [.. LivingMembers.SelectMany(WorkersOf).Where(worker => worker.Lives).Select(worker => worker.Device)];

    /// <summary>Whether one that goes leaves others, which cannot all be turned away for good.</summary>
    public bool MayLeave => _left.Count < _members.Length - 1 && !Has(Faults.Error) && !Has(Faults.Mismatch);

    /// <summary>A member leaves for good.</summary>
    public void Leave(SimulatedActor member)
    {
        _left.Add(Array.IndexOf(_members, member));
        member.Process.Die("leaves for good");
    }

    /// <summary>Whether the job is done, what was under way has arrived, and superseded coordinators have ended.
    /// </summary>
    private bool IsOver => _done is { } done && Time.Now > done + s_minute &&
        !_coordinators.Exists(coordinator => coordinator.Process.IsAlive);

    private void Advance()
    {
        while (Broken is null && !_isWrong && !IsOver)
        {
            bool isDue = Time.Advance();
            if ((!isDue && !IsDone) || Time.Now > Scenario.Horizon + Patience || Time.Events > MostEvents)
            {
                Violation($"the run ends within {Patience.TotalHours} h when nothing goes wrong any more");
            }
            else if (!isDue)
            {
                return;
            }
        }
    }

    /// <summary>The run is done: nobody starts anything any more.</summary>
    public void OnEnded(SimulatedCoordinator coordinator)
    {
        if (coordinator.HasSaved)
        {
            Checks.Released(coordinator.Process, isCoordinator: true);
        }

        // Another that lives has the run, or will have it, and finds out for itself what ends it.
        bool isLast = coordinator.Ending == ExitCode.Done ||
            !_coordinators.Exists(other => other != coordinator && other.Process.IsAlive);
        if (isLast && coordinator.Ending == Scenario.End.Code &&
            Checks.VersionOf(coordinator) == Scenario.End.Version)
        {
            _done ??= Time.Now;
        }
    }

    /// <summary>Wrong bits are in the model, and nobody could know: there is nothing more to check.</summary>
    public void EndWrong()
    {
        Count("end: wrong, not compared");
        _isWrong = true;
    }

    /// <summary>Starts the workers of a coordinator's own process.</summary>
    public void StartWorkers(SimulatedCoordinator coordinator)
    {
        for (int index = 0; index < _members.Length; index++)
        {
            bool isForeign = MayFail(Faults.Foreign) && Dice.Chance(0.2);
            var worker = new SimulatedWorker(this, coordinator, ActorId.Worker(index), isForeign);
            _members[index] = worker;
            worker.Start();
        }
    }

    /// <summary>The registry has the job started, unless it runs: where and when, the cluster decides.</summary>
    public void StartJob()
    {
        bool Runs() => _isStarting || _coordinators[^1].Process.IsAlive;
        if (IsDone || Runs())
        {
            return;
        }

        _isStarting = true;
        Time.After(Dice.Between(s_second / 10, s_second * 30), () =>
        {
            _isStarting = false;
            if (!IsDone && !Runs())
            {
                StartCoordinator();
            }
        });
    }

    /// <summary>Sends to the registry, wherever it is.</summary>
    public void SendToRegistry(SimulatedActor from, IMessage body)
    {
        if (_registry is not null)
        {
            from.Send(_registry, new FromPeer(body));
        }
    }

    /// <summary>The front with that path; null for none.</summary>
    public SimulatedFront? FrontAt(string path) =>
        _coordinators.Select(coordinator => coordinator.Front).FirstOrDefault(front => front?.Path == path);

    /// <summary>The process whose bulk plane has that address.</summary>
    public SimulatedProcess ProcessAt(string address) => _processes[address.Split(':')[0]];

    /// <summary>A number that nothing else has.</summary>
    public UInt128 NextNumber() => ++_numbers;

    /// <summary>Whether another coordinator has, or had, the run that this one wanted or thought to have.</summary>
    public bool IsSuperseded(SimulatedCoordinator coordinator) =>
        coordinator.Incarnation == 0
            ? _coordinators.Count > 1 && Disk.HighestLease > 0
            : Disk.HighestLease > coordinator.Incarnation;

    /// <summary>Whether a device of a process has anything in hand.</summary>
    public bool IsComputing(SimulatedProcess process) =>
        _members.OfType<SimulatedActor>().Where(member => member.Process == process)
            .SelectMany(WorkersOf).Any(worker => worker.Device.IsComputing);

    /// <summary>Number of a process among the run's coordinators; the highest there can be before it has taken the run.
    /// </summary>
    public long IncarnationOf(SimulatedProcess process) =>
        _coordinators.Find(coordinator => coordinator.Process == process)?.Incarnation is { } taken and > 0
            ? taken
            : long.MaxValue;

    /// <summary>Those who watch actors that are no more are told of it.</summary>
    public void OnGone(Predicate<SimulatedActor> isGone)
    {
        foreach (var coordinator in _coordinators.Where(coordinator => coordinator.Lives))
        {
            foreach (var worker in coordinator.Addresses.Values.Where(worker => isGone(worker)).ToArray())
            {
                coordinator.LoseSoon(worker);
            }
        }

        foreach (var link in Links.Where(link => link.Peer is { } peer && isGone(peer)).ToArray())
        {
            TellOfLoss(link, link.Peer!);
        }
    }

    /// <summary>A process is no more.</summary>
    public void OnDied(SimulatedProcess process)
    {
        Links.RemoveAll(link => link.Process == process);
        OnGone(actor => actor.Process == process);
        foreach (var link in Links.Where(link => link.Peer is null && link.PeerProcess == process).ToArray())
        {
            TellOfLoss(link, null);
        }
    }

    /// <summary>A link learns that its other end is gone, by the connection that ended or by the cluster.</summary>
    public void TellOfLoss(SimulatedLink link, SimulatedActor? peer)
    {
        var longest = Has(Faults.Reachability) ? s_minute * 30 : s_minute / 2;
        link.Process.Post(Dice.Between(s_second / 10, longest), () => link.Lose(peer));
    }

    /// <summary>Another coordinator wants the run.</summary>
    public void StartCoordinator()
    {
        var process = NewProcess();
        var coordinator = new SimulatedCoordinator(this, process);
        _coordinators.Add(coordinator);
        Note(process.Name, "starts to coordinate");
        coordinator.Start();
    }

    private SimulatedProcess NewProcess()
    {
        if (Has(Faults.Clocks))
        {
            Count(nameof(Faults.Clocks));
        }

        string name = $"process-{_processes.Count}";
        return _processes[name] = new SimulatedProcess(this, name);
    }

    private static IEnumerable<SimulatedWorker> WorkersOf(SimulatedActor member) =>
        member is SimulatedWorkerProcess process ? process.Node?.Workers ?? [] : [(SimulatedWorker)member];

    private void StartMember(int index)
    {
        if (!IsDone && _members[index] is not { Lives: true })
        {
            var process = NewProcess();
            var worker = new SimulatedWorkerProcess(this, process, ActorId.Worker(index));
            _members[index] = worker;
            Note(process.Name, $"starts {worker.Id}");
            worker.Start();
        }
    }

    /// <summary>What Kubernetes or a person does: a process that has died is started again.</summary>
    private void Supervise()
    {
        if (IsDone)
        {
            return;
        }

        if (Scenario.IsOneProcess && !_coordinators[^1].Process.IsAlive)
        {
            StartCoordinator();
        }

        if (!Scenario.IsOneProcess && _registry is not { Lives: true })
        {
            var process = NewProcess();
            Note(process.Name, "starts the registry");
            _registry = new SimulatedRegistry(this, process);
        }

        for (int index = 0; index < _members.Length && !Scenario.IsOneProcess; index++)
        {
            if (_members[index] is { Lives: false } && !_left.Contains(index))
            {
                StartMember(index);
            }
        }

        Time.After(Dice.Between(s_supervision, s_supervision * 10), Supervise);
    }
}
