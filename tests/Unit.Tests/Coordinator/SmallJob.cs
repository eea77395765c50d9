using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace RnnLm.Tests;

/// <summary>
/// A job of a second: small model, synthetic sentences of different lengths, trained in this process with real kernels.
/// </summary>
internal static class SmallJob
{
    public const int Steps = 6;
    public static readonly ModelSettings Model = new(VocabularySize: 61, Dimension: 24, Layers: 2, PaddingId: 0);

    private static readonly OptimizerSettings Adam = new(
        0.01, 0.9, 0.999, 1e-8, 1, new LearningRateSchedule(ScheduleKind.Constant, 0, 0));

    /// <summary>A rate that is too high at first, so that a plateau has something to decide.</summary>
    public static readonly OptimizerSettings MomentumWithPlateau = Adam with
    {
        Kind = OptimizerKind.Sgd,
        LearningRate = 4,
        Momentum = 0.9,
        WeightDecay = 0.001,
        Schedule = new LearningRateSchedule(ScheduleKind.Plateau, 0, 0, Decay: 0.5, EvaluateEvery: 1),
    };

    /// <summary>The plan of a job with this model.</summary>
    public static IStepPlan PlanOf(ModelSettings model) => new SyntheticPlan(model.CarriedRows);

    /// <summary>
    /// Trains and returns the SHA-256 of parameters and moments of the first and the last checkpoint, and the
    /// events.
    /// </summary>
    /// <param name="workers">Worker actors.</param>
    /// <param name="threads">Threads of each.</param>
    /// <param name="wrap">Makes something else of worker i's device.</param>
    /// <param name="model">Another than <see cref="Model"/>, of its vocabulary.</param>
    /// <param name="run">Where checkpoints go; training goes on from the newest one there is.</param>
    /// <param name="steps">The step to stop at.</param>
    /// <param name="profiler">Notes what the threads do.</param>
    /// <param name="optimizer">Another than Adam at a constant rate.</param>
    public static async Task<(IReadOnlyList<string> Hashes, IReadOnlyList<TrainingEvent> Events)> TrainAsync(
        int workers,
        int threads,
        Func<int, IDevice, IDevice>? wrap = null,
        ModelSettings? model = null,
        TestRun? run = null,
        int steps = Steps,
        Profiler? profiler = null,
        OptimizerSettings? optimizer = null)
    {
        model ??= Model;
        var plan = new SyntheticPlan(model.CarriedRows);
        var layout = ParameterLayout.For(model);
        using var pool = new FloatBufferPool(layout.BufferLength);
        using var gradients = new GradientPool(layout);
        optimizer ??= Adam;
        var newest = run?.Store.FindNewest().Newest;
        var state = newest is null
            ? StoredState.Initial(optimizer, pool, values => ParameterInitialization.Fill(model, seed: 5, values.Span))
            : StoredState.Read(newest, layout, optimizer, pool);
        using var ledger = run?.Run.OpenLedger(run.Lease, state.Version, newest?.State.Ledger ?? LedgerChain.Empty);
        var coordinator = new CoordinatorBehaviour(
            new CoordinatorSettings(
                1,
                steps,
                CheckpointEvery: 1,
                EvaluateEvery: optimizer.Schedule.EvaluateEvery is > 0 and var every ? every : 3,
                null,
                AllowMixed: false,
                workers,
                DivergencePolicy.Stop,
                null,
                IsResumed: newest is not null,
                IsEvaluated: newest?.State.ValidationLoss is not null),
            new CoordinatorInputs(plan, plan.Validation, model.CarriedRows > 0),
            state,
            new Optimizer(optimizer, layout, pool, threads, plan.StepsPerEpoch));
        var selfTest = new SelfTest(model);
        IDevice[] devices = [.. Enumerable.Range(0, workers).Select(index =>
        {
            IDevice device = new ThreadedDevice(
                $"worker-{index}",
                threads,
                () => Cells.Of(model).CreateReplica(model, "cpu"),
                gradients,
                selfTest,
                profiler);
            return wrap?.Invoke(index, device) ?? device;
        })];
        var recorder = new Recorder(layout.Length, ledger is null
            ? null
            : new CheckpointWriter(
                run!.Store, ledger, new RetentionPolicy(KeepLast: 1), layout, optimizer, new string('0', 64), "", 100));
        var system = ActorHost.Start();
        try
        {
            await CoordinatorActor.RunAsync(
                system,
                ActorId.Coordinator,
                coordinator,
                recorder,
                address =>
                {
                    for (int index = 0; index < workers; index++)
                    {
                        system.Spawn<WorkerActor>(
                            ActorId.Worker(index), ActorId.Worker(index), devices[index], address);
                    }
                },
                new TaskCompletionSource<StopRequested>().Task,
                profiler);
        }
        finally
        {
            await system.Terminate();
            Array.ForEach(devices, device => device.Dispose());
        }

        return ([recorder.Hashes[recorder.Hashes.Keys.Min()], recorder.Hashes[steps]], recorder.Events);
    }

    private sealed class Recorder(int parameters, CheckpointWriter? writer) : IRunRecorder
    {
        public List<TrainingEvent> Events { get; } = [];

        public Dictionary<long, string> Hashes { get; } = [];

        public void Observe(TrainingEvent trainingEvent)
        {
            Events.Add(trainingEvent);
            if (trainingEvent is StepCommitted step)
            {
                writer?.Commit(step);
            }
        }

        public void Illustrate(ParameterVersion version) => version.Release();

        public Task<RnnLmException> LeaseLost { get; } = new TaskCompletionSource<RnnLmException>().Task;

        public void Write(SaveCheckpoint save)
        {
            using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var state = save.State;
            sha.AppendData(MemoryMarshal.AsBytes<float>(state.Parameters.Values.Span));
            foreach (var moment in state.Moments)
            {
                sha.AppendData(MemoryMarshal.AsBytes<float>(moment.Values.Span[..parameters]));
            }

            Hashes[save.State.Version] = Convert.ToHexString(sha.GetHashAndReset());
            writer?.Write(save, () => { }, _ => { });
        }
    }

    /// <summary>Eight shards of none to four examples, whose lengths and ids follow from step and shard; or of the rows
    /// of streams, which begin anew every fourth step.</summary>
    private sealed class SyntheticPlan(int rows) : IStepPlan
    {
        public long StepsPerEpoch => rows > 0 ? 4 : 100;

        /// <summary>Where states are carried, one text in pieces.</summary>
        public IReadOnlyList<ShardTokens> Validation => rows == 0
            ? Step(1_000)
            : [.. Step(1_000).Where(shard => shard.ExampleCount > 0).Select(shard =>
                new ShardTokens(shard.Example(0).ToArray(), [0, shard.Example(0).Length]))];

        public IReadOnlyList<ShardTokens> Step(long step)
        {
            var random = new Random((int)step);
            if (rows > 0)
            {
                int tokens = random.Next(2, 15);
                return [.. Enumerable.Range(0, 8).Select(shard =>
                {
                    int first = shard * rows / 8;
                    int count = ((shard + 1) * rows / 8) - first;
                    return new ShardTokens(
                        [.. Enumerable.Range(0, count * tokens).Select(_ => random.Next(1, Model.VocabularySize))],
                        [.. Enumerable.Range(0, count + 1).Select(row => row * tokens)])
                    {
                        FirstExample = first,
                    };
                })];
            }

            int example = 0;
            return [.. Enumerable.Range(0, 8).Select(_ =>
            {
                var ids = new List<int>();
                var starts = new List<int> { 0 };
                int count = random.Next(5);
                for (int left = count; left > 0; left--)
                {
                    ids.AddRange(
                        Enumerable.Range(0, random.Next(2, 15)).Select(_ => random.Next(1, Model.VocabularySize)));
                    starts.Add(ids.Count);
                }

                example += count;
                return new ShardTokens([.. ids], [.. starts]) { FirstExample = example - count };
            })];
        }
    }
}
