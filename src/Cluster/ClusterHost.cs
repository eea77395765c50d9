using System.Globalization;
using System.Net;
using Akka;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Cluster.Sharding;
using Akka.Cluster.Tools.Singleton;
using Akka.Configuration;
using Akka.Pattern;
using Akka.Remote;
using RnnLm.Worker;

namespace RnnLm.Cluster;

/// <summary>One process of a cluster: its actor system and its bulk plane.</summary>
public sealed class ClusterHost : IAsyncDisposable
{
    private const string SystemName = "rnnlm";
    private const string RegistryName = "registry";

    /// <summary>Role of processes that run jobs.</summary>
    public const string CoordinatorRole = "coordinator";

    /// <summary>Role of processes that compute.</summary>
    public const string WorkerRole = "worker";

    /// <summary>What no <c>--akka</c> changes.</summary>
    private static readonly string[] s_fixed =
    [
        "akka.actor.provider", "akka.actor.serializers", "akka.actor.serialization-bindings",
        "akka.actor.serialization-identifiers", "akka.remote.enabled-transports", "akka.remote.dot-netty.tcp.hostname",
        "akka.remote.dot-netty.tcp.public-hostname", "akka.remote.dot-netty.tcp.port",
        "akka.remote.dot-netty.tcp.transport-class", "akka.remote.dot-netty.tcp.enable-ssl",
        "akka.remote.dot-netty.tcp.ssl",
    ];

    /// <summary>Akka asks for a job's new place every two seconds, so that what is kept for it goes there first.
    /// </summary>
    private const int EmptyChecks = 3;

    private static readonly TimeSpan s_emptyCheck = TimeSpan.FromSeconds(1);

    /// <summary>Before a registry that has failed is begun anew.</summary>
    private static readonly (TimeSpan First, TimeSpan Longest) s_registryPause =
        (TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));

    private readonly BulkPlane _bulk;
    private readonly ClusterOptions _options;
    private readonly ShutdownGate _gate;
    private readonly TaskCompletionSource _joined = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IActorRef? _registry;

    private ClusterHost(ActorSystem system, BulkPlane bulk, ClusterOptions options)
    {
        (System, _bulk, _options) = (system, bulk, options);
        _gate = new ShutdownGate(system);
    }

    /// <summary>Where the process's actors live.</summary>
    public ActorSystem System { get; }

    /// <summary>Where other processes reach it: host:port.</summary>
    public ClusterAddress Address =>
        _options.Listen with { Port = Self.Port!.Value };

    private Address Self => ((ExtendedActorSystem)System).Provider.DefaultAddress;

    /// <summary>Whether this coordinator is a member of a cluster, and does not leave it.</summary>
    public bool IsUp => Akka.Cluster.Cluster.Get(System).SelfMember.Status == Akka.Cluster.MemberStatus.Up;

    /// <summary>Ends when this process is a member of a cluster.</summary>
    public Task Joined => _joined.Task;

    /// <summary>Starts a process's part.</summary>
    /// <exception cref="RnnLmException">It cannot listen there, has no certificates and would not listen on loopback,
    /// or would listen on loopback while its seed nodes do not (exit code 3).</exception>
    public static async Task<ClusterHost> StartAsync(ClusterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var listen = options.Bind ?? options.Listen.Resolve("--listen");
        if (options.Bind is null && (listen.Equals(IPAddress.Any) || listen.Equals(IPAddress.IPv6Any)))
        {
            throw RnnLmException.BadInput(
                $"--listen {options.Listen}: that is no address by which others reach this process; give one");
        }

        string decides = options.Bind is { } bind ? $"--bind {bind}" : $"--listen {options.Listen}";
        if (options.Tls is null && !IPAddress.IsLoopback(listen))
        {
            throw RnnLmException.BadInput(
                $"{decides}: off loopback nothing listens without certificates; give --certificates " +
                "(rnnlm certificates makes them)");
        }

        if (IPAddress.IsLoopback(listen) && options.SeedNodes.FirstOrDefault(node => node.IsElsewhere) is { } seed)
        {
            throw RnnLmException.BadInput(
                $"{decides}: at {listen} other machines do not reach this process, {seed} neither; " +
                $"give an address by which they do{(options.Tls is null ? ", and --certificates" : string.Empty)}");
        }

        Setup bootstrap = BootstrapSetup.Create().WithConfig(Configuration(options, listen));
        Setup[] setup = options.Tls is { } tls ? [bootstrap, tls.ForAkka()] : [bootstrap];

        // Before bulk, which takes any port that is free.
        var system = Create(ActorSystemSetup.Create(setup), options.Listen);
        ActorHost.ReleaseUndelivered(system);
        var bulk = await StartBulkAsync(system, listen, options).ConfigureAwait(false);
        var host = new ClusterHost(system, bulk, options);
        host.ReportTroubles();
        if (options.Role != WorkerRole)
        {
            host.Join();
        }

        return host;
    }

    private static Config Configuration(ClusterOptions options, IPAddress listen)
    {
        // The cluster's members are the coordinators. Workers talk to them and are none: members judge each other, and
        // a worker that stands still and comes back would have whoever took it for dead removed, coordinators too.
        string own = $$"""
            akka.actor.provider = {{(options.Role == WorkerRole ? "remote" : "cluster")}}
            akka.cluster.roles = [{{options.Role}}]
            akka.remote.dot-netty.tcp {
              hostname = "{{listen}}"
              public-hostname = "{{options.Listen.Host}}"
              port = {{options.Listen.Port.ToString(CultureInfo.InvariantCulture)}}
              enable-ssl = {{(options.Tls is null ? "off" : "on")}}
            }
            """;
        var shipped = ConfigurationFactory.ParseString(Shipped("cluster.conf"));
        var profile = options.Profile == ClusterProfile.Fast
            ? ConfigurationFactory.ParseString(Shipped("fast.conf")).WithFallback(shipped)
            : shipped;
        var configuration = ConfigurationFactory.ParseString(own).WithFallback(profile);
        return options.ConfigurationFile is { } path ? WithFile(path, configuration) : configuration;
    }

    /// <summary>A user's file has precedence, except over what keeps strangers out.</summary>
    private static Config WithFile(string path, Config configuration)
    {
        var merged = Read(path).WithFallback(configuration);
        return Array.Find(s_fixed, key => ValueAt(merged, key) != ValueAt(configuration, key)) is { } changed
            ? throw RnnLmException.BadInput(
                $"--akka {path}: {changed} cannot be set there: it decides who may speak here; remove it")
            : merged;
    }

    private static string? ValueAt(Config config, string key) => config.GetValue(key)?.ToString();

    private static Config Read(string path)
    {
        try
        {
            return ConfigurationFactory.ParseString(File.ReadAllText(path));
        }
#pragma warning disable CA1031 // The parser throws whatever it comes across.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            throw RnnLmException.BadInput($"--akka {path}: cannot be read as HOCON ({failure.Message})", failure);
        }
    }

    /// <summary>Parameter buffers that processes of this host share.</summary>
    public static FloatBufferPool SharedBuffers(int length) => new(length, SharedMemory.Floats);

    /// <summary>Starts a registry that sends the workers that come to whoever hires them in this process.</summary>
    public void StartRegistry() => _registry = System.ActorOf(Registry(null, _ => { }), RegistryName);

    /// <summary>
    /// Starts this process's share in running the jobs of a run storage: the registry runs in one of the coordinators'
    /// processes, each job in any one of them.
    /// </summary>
    /// <param name="unfinished">Lists the jobs that ought to run.</param>
    /// <param name="run">Runs one.</param>
    public void StartJobs(Func<IReadOnlyList<string>> unfinished, RunJob run)
    {
        var jobs = ClusterSharding.Get(System).Start(
            "jobs",
            job => Props.Create(() => new JobActor(job, run, TimeProvider.System)),
            ClusterShardingSettings.Create(System).WithRole(CoordinatorRole),
            new JobsToEntities(),
            ShardAllocationStrategy.LeastShardAllocationStrategy(absoluteLimit: 1, relativeLimit: 1),
            JobActor.HandOver.Instance);
        CoordinatedShutdown.Get(System).AddTask(
            CoordinatedShutdown.PhaseClusterShardingShutdownRegion, "empty region", () => EndWhenEmptyAsync(jobs));
        void Start(string job) => jobs.Tell(new Wire.StartJob { Job = job });

        // What fails among Akka's own actors is begun anew, as a manager whose predecessor does not answer relies on.
        ((ExtendedActorSystem)System).SystemActorOf(
            ClusterSingletonManager.Props(
                Registry(unfinished, Start),
                PoisonPill.Instance,
                ClusterSingletonManagerSettings.Create(System).WithRole(CoordinatorRole)),
            "registries");
        _registry = System.ActorOf(
            ClusterSingletonProxy.Props(
                "/system/registries", ClusterSingletonProxySettings.Create(System).WithRole(CoordinatorRole)),
            RegistryName);
    }

    /// <summary>Leaves the cluster in order: what runs here is handed over first.</summary>
    public Task LeaveAsync()
    {
        _gate.Open();
        return CoordinatedShutdown.Get(System).Run(CoordinatedShutdown.ClusterLeavingReason.Instance);
    }

    /// <summary>Lets workers of other processes apply to a coordinator of this one.</summary>
    /// <param name="name">Of the job, to the registry.</param>
    /// <param name="run">Identity of the run.</param>
    /// <param name="coordinator">Of the run.</param>
    /// <param name="job">Its job.</param>
    /// <param name="incarnation">The coordinator's.</param>
    /// <param name="allowMixed">Whether workers of other numerics may work.</param>
    /// <param name="parameters">Buffers of the model's length.</param>
    /// <param name="gradients">Buffers for gradients.</param>
    /// <param name="say">Takes what is said of the workers; from any thread.</param>
    /// <returns>Ends it; afterwards nobody touches the buffers.</returns>
    public Hiring Hire(
        string name,
        string run,
        IActorRef coordinator,
        Job job,
        long incarnation,
        bool allowMixed,
        FloatBufferPool parameters,
        GradientPool gradients,
        Action<string> say)
    {
        ArgumentNullException.ThrowIfNull(job);
        var transfers = new BulkTransfers(
            _bulk.Server.Offers, _bulk.Client, parameters, gradients, ParameterLayout.For(job.Model));
        var facts = new RunFacts(
            name,
            run,
            JobFormat.Hash(job),
            incarnation,
            job.Numerics,
            allowMixed,
            new RunExtent(job.Model, job.Plan.Shards),
            _bulk.Server.Address,
            SharedMemory.Host);
        var (work, registry) = (_bulk.Work, _registry!);
        var front = System.ActorOf(
            Props.Create(() => new FrontActor(facts, coordinator, transfers, work, registry, say))
                .WithMailbox("bounded-mailbox"),
            $"front-{name}-{incarnation}");
        return new Hiring(front, transfers);
    }

    /// <summary>Works until it is told to stop, or has had no work for too long.</summary>
    /// <param name="name">The worker's name.</param>
    /// <param name="numerics">What it computes with: <c>cpu</c> or <c>cuda</c>.</param>
    /// <param name="makeDevices">Makes what computes, for a model.</param>
    /// <param name="say">Takes what is said to whoever watches the process.</param>
    /// <param name="longestIdle">Without work for so long it ends; null for never.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="Exception">Why it could not go on.</exception>
    public async Task WorkAsync(
        string name,
        string numerics,
        Func<ModelSettings, GradientPool, IReadOnlyList<IDevice>> makeDevices,
        Action<string> say,
        TimeSpan? longestIdle,
        Task stop)
    {
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ActorSelection[] registries =
        [
            .. _options.SeedNodes.Select(
                node => System.ActorSelection(new RootActorPath(AddressOf(node)) / "user" / RegistryName)),
        ];
        var host = System.ActorOf(
            Props.Create(() => new WorkerHostActor(
                name, numerics, makeDevices, _bulk, registries, say, longestIdle, end))
                .WithMailbox("bounded-mailbox"),
            "worker");
        await Task.WhenAny(end.Task, stop).ConfigureAwait(false);
        System.Stop(host);
        await end.Task.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await System.Terminate().ConfigureAwait(false);
        await _bulk.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Ends a region that is asked to end once it runs no job. Akka's own waits, as long as a job may take to save,
    /// while it keeps a message for a job that runs nowhere: where no other coordinator is left that is for good.
    /// </summary>
    private static async Task<Done> EndWhenEmptyAsync(IActorRef region)
    {
        var ended = region.WatchAsync();
        for (int empty = 0; empty < EmptyChecks;)
        {
            if (await Task.WhenAny(ended, Task.Delay(s_emptyCheck)).ConfigureAwait(false) == ended)
            {
                return Done.Instance;
            }

            try
            {
                var state = await region
                    .Ask<CurrentShardRegionState>(GetShardRegionState.Instance, s_emptyCheck).ConfigureAwait(false);
                empty = state.Shards.Count + state.Failed.Count == 0 ? empty + 1 : 0;
            }
            catch (AskTimeoutException)
            {
                // It has just ended, or the machine is busy.
            }
        }

        region.Tell(PoisonPill.Instance);
        return Done.Instance;
    }

    private static async Task<BulkPlane> StartBulkAsync(ActorSystem system, IPAddress listen, ClusterOptions options)
    {
        try
        {
            return await BulkPlane.StartAsync(listen, options).ConfigureAwait(false);
        }
        catch
        {
            await system.Terminate().ConfigureAwait(false);
            throw;
        }
    }

    private static ActorSystem Create(ActorSystemSetup setup, ClusterAddress listen)
    {
        try
        {
            return ActorSystem.Create(SystemName, setup);
        }
        catch (Exception failure) when (failure is RemoteTransportException or AggregateException)
        {
            var cause = failure;
            while (cause.InnerException is { } inner)
            {
                cause = inner;
            }

            throw RnnLmException.BadInput(
                $"cannot listen on {listen}: {cause.Message}; choose another address by --listen", failure);
        }
    }

    /// <summary>Says why others cannot be reached, or are refused.</summary>
    private void ReportTroubles()
    {
        if (_options.Say is not { } say)
        {
            return;
        }

        var (troubles, own) = (new Troubles(say, TimeProvider.System), Address);
        System.ActorOf(Props.Create(() => new AssociationWatch(troubles, own)), "association-watch");
        if (_options.Tls is { } tls)
        {
            tls.Refused += (peer, reason) => troubles.Say(
                peer?.GetCertHashString() ?? string.Empty, $"another process is refused: its certificate {reason}");
        }
    }

    /// <summary>A registry; one that fails is begun anew.</summary>
    private Props Registry(Func<IReadOnlyList<string>>? unfinished, Action<string> start)
    {
        var (work, say) = (_bulk.Work, _options.Say ?? (_ => { }));
        var registry = Props.Create(() => new RegistryActor(unfinished, start, work, say))
            .WithMailbox("bounded-mailbox");
        var (first, longest) = s_registryPause;
        return BackoffSupervisor.Props(
                Backoff.OnStop(registry, RegistryName, first, longest, randomFactor: 0, maxNrOfRetries: -1)
                    .WithAutoReset(longest))
            .WithMailbox("bounded-mailbox");
    }

    private void Join()
    {
        var cluster = Akka.Cluster.Cluster.Get(System);
        _gate.OpenWhenOutOf(cluster);
        cluster.RegisterOnMemberUp(() => _joined.TrySetResult());
        if (_options.SeedNodes.Count == 0)
        {
            cluster.Join(cluster.SelfAddress);
        }
        else
        {
            cluster.JoinSeedNodes(_options.SeedNodes.Select(AddressOf));
        }
    }

    private Address AddressOf(ClusterAddress node) => Self.WithHost(node.Host).WithPort(node.Port);

    internal static string Shipped(string name)
    {
        using var stream = typeof(ClusterHost).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

/// <summary>Workers that apply to a coordinator.</summary>
public sealed class Hiring : IAsyncDisposable
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(5);

    private readonly IActorRef _front;
    private readonly BulkTransfers _transfers;

    internal Hiring(IActorRef front, BulkTransfers transfers) => (_front, _transfers) = (front, transfers);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            // It is to say that it ends also when it has not heard yet that its coordinator has.
            _front.Tell(new Shared.Terminated(ActorId.Coordinator, null));
            await _front.GracefulStop(s_deadline).ConfigureAwait(false);
        }
        catch (TaskCanceledException)
        {
            // A busy machine; what is left is told below.
        }

        await _transfers.DisposeAsync().ConfigureAwait(false);
    }
}

/// <summary>One entity, and one shard of entities, a job.</summary>
internal sealed class JobsToEntities : IMessageExtractor
{
    /// <inheritdoc/>
    public string? EntityId(object message) => (message as Wire.StartJob)?.Job;

    /// <inheritdoc/>
    public object EntityMessage(object message) => message;

    /// <inheritdoc/>
    public string? ShardId(object message) => EntityId(message);

    /// <inheritdoc/>
    public string ShardId(string entityId, object? messageHint = null) => entityId;
}
