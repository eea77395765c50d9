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

    /// <summary>
    /// Trains and returns the SHA-256 of parameters and both moments of every checkpoint, and the events.
    /// </summary>
    /// <param name="workers">Worker actors.</param>
    /// <param name="threads">Threads of each.</param>
    /// <param name="wrap">Makes something else of worker i's device.</param>
    public static async Task<(IReadOnlyList<string> Hashes, IReadOnlyList<TrainingEvent> Events)> TrainAsync(
        int workers, int threads, Func<int, IDevice, IDevice>? wrap = null)
    {
        var layout = ParameterLayout.For(Model);
        using var pool = new FloatBufferPool(layout.Length);
        using var gradients = new GradientPool(layout);
        var optimizer = new OptimizerSettings(
            0.01, 0.9, 0.999, 1e-8, 1, new LearningRateSchedule(ScheduleKind.Constant, 0, 0));
        var values = pool.Rent();
        ParameterInitialization.Fill(Model, seed: 5, values.Span);
        var state = new TrainingState(
            new ParameterVersion(0, new CountedBuffer(values, pool)), Zeros(pool), Zeros(pool), 0, 0, 0);
        var coordinator = new CoordinatorBehaviour(
            new CoordinatorSettings(
                1,
                Steps,
                CheckpointEvery: 1,
                EvaluateEvery: 3,
                null,
                AllowMixed: false,
                workers,
                DivergencePolicy.Stop,
                null,
                IsResumed: false,
                IsEvaluated: false),
            new CoordinatorInputs(new SyntheticPlan(), new SyntheticPlan().Step(1_000)),
            state,
            new Optimizer(optimizer, pool, threads));
        var selfTest = new SelfTest(Model);
        IDevice[] devices = [.. Enumerable.Range(0, workers).Select(index =>
        {
            IDevice device = new ThreadedDevice(
                $"worker-{index}", threads, () => new FusedReplica(Model), gradients, selfTest);
            return wrap?.Invoke(index, device) ?? device;
        })];
        var recorder = new Recorder();
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
                new TaskCompletionSource<StopRequested>().Task);
        }
        finally
        {
            await system.Terminate();
            Array.ForEach(devices, device => device.Dispose());
        }

        return ([recorder.Hashes[0], recorder.Hashes[Steps]], recorder.Events);
    }

    private static CountedBuffer Zeros(FloatBufferPool pool)
    {
        var buffer = pool.Rent();
        buffer.Span.Clear();
        return new CountedBuffer(buffer, pool);
    }

    private sealed class Recorder : IRunRecorder
    {
        public List<TrainingEvent> Events { get; } = [];

        public Dictionary<long, string> Hashes { get; } = [];

        public void Observe(TrainingEvent trainingEvent) => Events.Add(trainingEvent);

        public void Illustrate(ParameterVersion version) => version.Release();

        public Task<RnnLmException> LeaseLost { get; } = new TaskCompletionSource<RnnLmException>().Task;

        public void Write(SaveCheckpoint save)
        {
            using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var state = save.State;
            var buffers = new[] { state.Parameters.Values, state.FirstMoment.Values, state.SecondMoment.Values };
            foreach (var buffer in buffers)
            {
                sha.AppendData(MemoryMarshal.AsBytes<float>(buffer.Span));
            }

            Hashes[save.State.Version] = Convert.ToHexString(sha.GetHashAndReset());
        }
    }

    /// <summary>Eight shards of none to four examples, whose lengths and ids follow from step and shard.</summary>
    private sealed class SyntheticPlan : IStepPlan
    {
        public long StepsPerEpoch => 100;

        public IReadOnlyList<ShardTokens> Step(long step)
        {
            var random = new Random((int)step);
            return [.. Enumerable.Range(0, 8).Select(_ =>
            {
                var ids = new List<int>();
                var starts = new List<int> { 0 };
                for (int example = random.Next(5); example > 0; example--)
                {
                    ids.AddRange(
                        Enumerable.Range(0, random.Next(2, 15)).Select(_ => random.Next(1, Model.VocabularySize)));
                    starts.Add(ids.Count);
                }

                return new ShardTokens([.. ids], [.. starts]);
            })];
        }
    }
}
