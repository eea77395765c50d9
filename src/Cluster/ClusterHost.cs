using System.Globalization;
using System.Net;
using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Cluster.Tools.Singleton;
using Akka.Configuration;
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

    private readonly BulkPlane _bulk;
    private IActorRef? _registry;

    private ClusterHost(ActorSystem system, BulkPlane bulk) => (System, _bulk) = (system, bulk);

    /// <summary>Where the process's actors live.</summary>
    public ActorSystem System { get; }

    /// <summary>Where other processes reach it: host:port.</summary>
    public string Address
    {
        get
        {
            var address = Akka.Cluster.Cluster.Get(System).SelfAddress;
            return string.Create(CultureInfo.InvariantCulture, $"{address.Host}:{address.Port}");
        }
    }

    /// <summary>Starts a process's part.</summary>
    /// <param name="role"><c>coordinator</c> or <c>worker</c>.</param>
    /// <param name="listen">Where it listens, and others reach it.</param>
    /// <param name="seedNodes">host:port of processes of the cluster to join; none to begin one.</param>
    /// <exception cref="RnnLmException">It cannot listen there.</exception>
    public static async Task<ClusterHost> StartAsync(string role, IPEndPoint listen, IReadOnlyList<string> seedNodes)
    {
        ArgumentNullException.ThrowIfNull(listen);
        ArgumentNullException.ThrowIfNull(seedNodes);
        var bulk = BulkPlane.StartAsync(listen.Address);
        string own = $$"""
            akka.cluster.roles = [{{role}}]
            akka.remote.dot-netty.tcp.hostname = "{{listen.Address}}"
            akka.remote.dot-netty.tcp.port = {{listen.Port.ToString(CultureInfo.InvariantCulture)}}
            """;
        var configuration = ConfigurationFactory.ParseString(own)
            .WithFallback(ConfigurationFactory.ParseString(Shipped()));
        var system = Create(configuration, listen);
        ActorHost.ReleaseUndelivered(system);
        var cluster = Akka.Cluster.Cluster.Get(system);
        var host = new ClusterHost(system, await bulk.ConfigureAwait(false));
        if (seedNodes.Count == 0)
        {
            cluster.Join(cluster.SelfAddress);
        }
        else
        {
            cluster.JoinSeedNodes(seedNodes.Select(host.AddressOf));
        }

        return host;
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
        void Start(string job) => jobs.Tell(new Wire.StartJob { Job = job });
        System.ActorOf(
            ClusterSingletonManager.Props(
                Registry(unfinished, Start),
                PoisonPill.Instance,
                ClusterSingletonManagerSettings.Create(System).WithRole(CoordinatorRole)),
            "registries");
        _registry = System.ActorOf(
            ClusterSingletonProxy.Props(
                "/user/registries", ClusterSingletonProxySettings.Create(System).WithRole(CoordinatorRole)),
            RegistryName);
    }

    /// <summary>Leaves the cluster in order: what runs here is handed over first.</summary>
    public Task LeaveAsync() =>
        CoordinatedShutdown.Get(System).Run(CoordinatedShutdown.ClusterLeavingReason.Instance);

    /// <summary>Lets workers of other processes apply to a coordinator of this one.</summary>
    /// <param name="name">Of the job, to the registry.</param>
    /// <param name="coordinator">Of the run.</param>
    /// <param name="job">Its job.</param>
    /// <param name="incarnation">The coordinator's.</param>
    /// <param name="allowMixed">Whether workers of other numerics may work.</param>
    /// <param name="parameters">Buffers of the model's length.</param>
    /// <param name="gradients">Buffers for gradients.</param>
    /// <returns>Ends it; afterwards nobody touches the buffers.</returns>
    public Hiring Hire(
        string name,
        IActorRef coordinator,
        Job job,
        long incarnation,
        bool allowMixed,
        FloatBufferPool parameters,
        GradientPool gradients)
    {
        ArgumentNullException.ThrowIfNull(job);
        var transfers = new BulkTransfers(
            _bulk.Server, _bulk.Client, parameters, gradients, ParameterLayout.For(job.Model));
        var facts = new RunFacts(
            name,
            JobFormat.Hash(job),
            incarnation,
            job.Numerics,
            allowMixed,
            new RunExtent(job.Model, job.Plan.Shards));
        var (bulk, work, registry) = (_bulk.Server.Address, _bulk.Work, _registry!);
        var front = System.ActorOf(
            Props.Create(() => new FrontActor(facts, coordinator, transfers, bulk, work, registry))
                .WithMailbox("bounded-mailbox"),
            $"front-{name}-{incarnation}");
        return new Hiring(front, transfers);
    }

    /// <summary>Works until it is told to stop.</summary>
    /// <param name="name">The worker's name.</param>
    /// <param name="numerics">What it computes with: <c>cpu</c> or <c>cuda</c>.</param>
    /// <param name="makeDevices">Makes what computes, for a model.</param>
    /// <param name="seedNodes">As for <see cref="StartAsync"/>.</param>
    /// <param name="say">Takes what is said to whoever watches the process.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="Exception">Why it could not go on.</exception>
    public async Task WorkAsync(
        string name,
        string numerics,
        Func<ModelSettings, GradientPool, IReadOnlyList<IDevice>> makeDevices,
        IReadOnlyList<string> seedNodes,
        Action<string> say,
        Task stop)
    {
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ActorSelection[] registries =
        [
            .. seedNodes.Select(
                node => System.ActorSelection(new RootActorPath(AddressOf(node)) / "user" / RegistryName)),
        ];
        var host = System.ActorOf(
            Props.Create(() => new WorkerHostActor(name, numerics, makeDevices, _bulk, registries, say, end))
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

    private static ActorSystem Create(Config configuration, IPEndPoint listen)
    {
        try
        {
            return ActorSystem.Create(SystemName, configuration);
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

    private Props Registry(Func<IReadOnlyList<string>>? unfinished, Action<string> start)
    {
        var work = _bulk.Work;
        return Props.Create(() => new RegistryActor(unfinished, start, work, TimeProvider.System))
            .WithMailbox("bounded-mailbox");
    }

    private Address AddressOf(string node)
    {
        int colon = node.LastIndexOf(':');
        return Akka.Cluster.Cluster.Get(System).SelfAddress
            .WithHost(node[..colon])
            .WithPort(int.Parse(node[(colon + 1)..], CultureInfo.InvariantCulture));
    }

    private static string Shipped()
    {
        using var stream = typeof(ClusterHost).Assembly.GetManifestResourceStream("cluster.conf")!;
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
