using System.Globalization;
using System.Net;
using Akka.Actor;
using Akka.Configuration;
using RnnLm.Worker;

namespace RnnLm.Cluster;

/// <summary>One process of a cluster: its actor system and its bulk plane.</summary>
public sealed class ClusterHost : IAsyncDisposable
{
    private const string SystemName = "rnnlm";
    private const string RegistryName = "registry";

    private readonly BulkPlane _bulk;

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
        var system = ActorSystem.Create(
            SystemName, ConfigurationFactory.ParseString(own).WithFallback(ConfigurationFactory.ParseString(Shipped())));
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

    /// <summary>Lets workers of other processes apply to a coordinator.</summary>
    /// <param name="coordinator">Of the run.</param>
    /// <param name="job">Its job.</param>
    /// <param name="incarnation">The coordinator's.</param>
    /// <param name="allowMixed">Whether workers of other numerics may work.</param>
    /// <param name="parameters">Buffers of the model's length.</param>
    /// <param name="gradients">Buffers for gradients.</param>
    public void Hire(
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
        string hash = JobFormat.Hash(job);
        var facts = new RunFacts(
            hash, incarnation, job.Numerics, allowMixed, new RunExtent(job.Model, job.Plan.Shards));
        string bulk = _bulk.Server.Address;
        var work = _bulk.Work;
        var front = System.ActorOf(
            Props.Create(() => new FrontActor(facts, coordinator, transfers, bulk, work))
                .WithMailbox("bounded-mailbox"),
            "front");
        var registry = System.ActorOf(Props.Create<RegistryActor>(), RegistryName);
        registry.Tell(new Hire(hash, front));
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
            .. seedNodes.Select(node => System.ActorSelection(new RootActorPath(AddressOf(node)) / "user" / RegistryName)),
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
