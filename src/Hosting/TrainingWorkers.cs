using System.Globalization;
using Akka.Actor;
using RnnLm.Cluster;
using RnnLm.Coordinator;
using RnnLm.Worker;

namespace RnnLm.Hosting;

/// <summary>The run that workers are started for.</summary>
/// <param name="Coordinator">Whom they work for.</param>
/// <param name="Job">What.</param>
/// <param name="Incarnation">The coordinator's.</param>
/// <param name="Parameters">Buffers of the model's length.</param>
/// <param name="Gradients">Buffers for gradients.</param>
/// <param name="Notice">Takes what is said of them; from any thread.</param>
/// <param name="Profiler">Notes what workers of this process do, if it is wanted.</param>
internal sealed record TrainingWork(
    IActorRef Coordinator,
    Job Job,
    long Incarnation,
    FloatBufferPool Parameters,
    GradientPool Gradients,
    Action<string> Notice,
    Profiler? Profiler);

/// <summary>Those who compute for <c>train</c>, and the actor system that they and the coordinator live in.</summary>
internal abstract class TrainingWorkers(ActorSystem system) : IAsyncDisposable
{
    /// <summary>Where the coordinator lives.</summary>
    public ActorSystem System => system;

    /// <summary>The coordinator's name there.</summary>
    public virtual string CoordinatorName => ActorId.Coordinator.Name;

    /// <summary>Workers that there will ever be; null when others may come.</summary>
    public abstract int? Limit { get; }

    /// <summary>Shards that they compute side by side, all together.</summary>
    public abstract int Threads { get; }

    /// <summary>Ends when nobody is left who could compute.</summary>
    public abstract Task<StopRequested> Exhausted { get; }

    /// <summary>Starts those that the request asks for.</summary>
    public static async Task<TrainingWorkers> MakeAsync(TrainRequest request) =>
        request.Get(TrainSettings.Processes) is var processes and > 0
            ? await ProcessWorkers.StartAsync(processes, request).ConfigureAwait(false)
            : new LocalWorkers(ActorHost.Start(), request);

    /// <summary>Buffers for parameters.</summary>
    public abstract FloatBufferPool MakeBuffers(int length);

    /// <summary>Lets them begin.</summary>
    public abstract void Start(TrainingWork work);

    /// <summary>Ends their work: afterwards nobody touches the run's buffers.</summary>
    public abstract Task EndAsync();

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}

/// <summary>Worker actors of this process, one a device.</summary>
internal sealed class LocalWorkers(ActorSystem system, TrainRequest request) : TrainingWorkers(system)
{
    private readonly DeviceChoice _devices = DeviceChoice.Parse(request.Get(TrainSettings.Device));
    private readonly int _threads = request.Get(TrainSettings.Threads)
        ?? Math.Max(1, Environment.ProcessorCount / request.Get(TrainSettings.Workers));

    private IReadOnlyList<IDevice> _computing = [];

    /// <inheritdoc/>
    public override int? Limit => Count;

    /// <inheritdoc/>
    public override int Threads => Count * _threads;

    /// <inheritdoc/>
    public override Task<StopRequested> Exhausted { get; } = new TaskCompletionSource<StopRequested>().Task;

    private int Count =>
        _devices.Kind == DeviceKind.Cpu ? request.Get(TrainSettings.Workers) : _devices.Indices.Count;

    /// <inheritdoc/>
    public override FloatBufferPool MakeBuffers(int length) => new(length);

    /// <inheritdoc/>
    public override void Start(TrainingWork work)
    {
        _computing = _devices.Make(Count, _threads, work.Job.Model, work.Gradients, work.Profiler);
        for (int index = 0; index < _computing.Count; index++)
        {
            var id = ActorId.Worker(index);
            System.Spawn<WorkerActor>(id, id, _computing[index], work.Coordinator);
        }
    }

    /// <inheritdoc/>
    public override Task EndAsync() => Task.WhenAll(_computing.Select(device => Task.Run(device.Dispose)));

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync() => await System.Terminate().ConfigureAwait(false);
}

/// <summary>Workers of other processes, that apply to the coordinator here.</summary>
/// <param name="host">This process in their cluster.</param>
internal abstract class HiredWorkers(ClusterHost host) : TrainingWorkers(host.System)
{
    private Hiring? _hiring;

    /// <inheritdoc/>
    public override int? Limit => null;

    /// <inheritdoc/>
    public override FloatBufferPool MakeBuffers(int length) => ClusterHost.SharedBuffers(length);

    /// <inheritdoc/>
    public override async Task EndAsync()
    {
        if (_hiring is not null)
        {
            await _hiring.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Lets them apply.</summary>
    /// <param name="name">Of the job, to the registry.</param>
    /// <param name="run">Identity of the run.</param>
    /// <param name="allowMixed">Whether workers of other numerics may work.</param>
    /// <param name="work">What there is to do.</param>
    protected void Hire(string name, string run, bool allowMixed, TrainingWork work) => _hiring = host.Hire(
        name,
        run,
        work.Coordinator,
        work.Job,
        work.Incarnation,
        allowMixed,
        work.Parameters,
        work.Gradients,
        work.Notice);
}

/// <summary>Worker processes that this one starts: a cluster on one machine.</summary>
internal sealed class ProcessWorkers : HiredWorkers
{
    private readonly ClusterHost _host;
    private readonly TrainRequest _request;
    private readonly WorkerProcesses _processes;
    private readonly DirectoryInfo _certificates;
    private Action<string> _notice = _ => { };

    /// <summary>Starts so many; only they and this process have certificates.</summary>
    /// <exception cref="RnnLmException">There are not so many GPUs.</exception>
    public static async Task<ProcessWorkers> StartAsync(int count, TrainRequest request)
    {
        var devices = DeviceChoice.Parse(request.Get(TrainSettings.Device));
        if (devices.Kind == DeviceKind.Cuda && devices.Indices.Count < count)
        {
            throw RnnLmException.Usage(
                $"--processes {count}: each needs a GPU of its own, and --device names {devices.Indices.Count}");
        }

        var certificates = NodeCertificates.CreateEphemeral(TimeProvider.System);
        var directory = Directory.CreateTempSubdirectory("rnnlm-");
        try
        {
            certificates.WriteTo(directory.FullName);
            var options = new ClusterOptions(ClusterHost.CoordinatorRole, ClusterAddress.Loopback, [])
            {
                Tls = new MutualTls(certificates, TimeProvider.System),
            };
            var host = await ClusterHost.StartAsync(options).ConfigureAwait(false);
            return new ProcessWorkers(host, directory, certificates.Name, devices, count, request);
        }
        catch
        {
            directory.Delete(recursive: true);
            throw;
        }
    }

    private ProcessWorkers(
        ClusterHost host,
        DirectoryInfo certificates,
        string certificateName,
        DeviceChoice devices,
        int count,
        TrainRequest request)
        : base(host)
    {
        (_host, _certificates, _request) = (host, certificates, request);
        int workers = request.Get(TrainSettings.Workers);
        int threads = request.Get(TrainSettings.Threads) ?? Math.Max(1, Environment.ProcessorCount / (count * workers));
        Threads = devices.Kind == DeviceKind.Cpu ? count * workers * threads : devices.Indices.Count;
        _processes = new WorkerProcesses(
            count,
            index =>
            [
                "worker",
                "--seed-node", host.Address.ToString(),
                "--certificates", certificates.FullName,
                "--certificate-name", certificateName,
                "--name", ActorId.Worker(index).Name,
                "--workers", workers.ToString(CultureInfo.InvariantCulture),
                "--threads", threads.ToString(CultureInfo.InvariantCulture),
                "--device", DeviceOf(devices, index, count),
                "--stop-at-end-of-input",
            ],
            request.Get(TrainSettings.MaxRestarts),
            text => _notice(text),
            TimeProvider.System);

        // They need longer to start than the run takes to prepare.
        _processes.Start();
    }

    /// <inheritdoc/>
    public override int Threads { get; }

    /// <inheritdoc/>
    public override Task<StopRequested> Exhausted => _processes.Exhausted;

    /// <inheritdoc/>
    public override void Start(TrainingWork work)
    {
        _notice = work.Notice;
        _host.StartRegistry();
        Hire(CoordinatorName, run: CoordinatorName, _request.Get(TrainSettings.AllowMixed), work);
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await _processes.DisposeAsync().ConfigureAwait(false);
        await _host.DisposeAsync().ConfigureAwait(false);
        _certificates.Delete(recursive: true);
    }

    /// <summary>GPUs are dealt out in turn.</summary>
    private static string DeviceOf(DeviceChoice devices, int process, int processes) =>
        devices.Kind == DeviceKind.Cpu
            ? "cpu"
            : $"cuda:{string.Join(',', devices.Indices.Where((_, turn) => turn % processes == process))}";
}
