using System.Runtime.InteropServices;

namespace RnnLm.Tests;

/// <summary>
/// A coordinator driven by hand: messages go in one by one, work off the actor is done at once, sent messages are kept.
/// Workers are played by the test; a shard's gradient is a few numbers of very different sizes, so that another order
/// of summation gives other bits.
/// </summary>
internal sealed class CoordinatorHarness
{
    public const int Shards = 8;
    public const long Incarnation = 3;
    private static readonly ModelSettings Model = new(VocabularySize: 3, Dimension: 2, Layers: 1, PaddingId: -1);
    public static readonly ParameterLayout Parameters = ParameterLayout.For(Model);

    public static readonly OptimizerSettings Adam = new(
        0.1, 0.9, 0.999, 1e-8, 0, new LearningRateSchedule(ScheduleKind.Constant, 0, 0));

    private readonly FloatBufferPool _pool;
    private DateTimeOffset _now = DateTimeOffset.UnixEpoch;

    public CoordinatorHarness(
        long totalSteps = 3,
        long checkpointEvery = 0,
        long evaluateEvery = 0,
        int? workerLimit = null,
        DivergencePolicy divergence = DivergencePolicy.Stop,
        IReadOnlyList<ShardTokens>? validation = null,
        string? expectedSelfTest = null,
        bool isResumed = false,
        bool isEvaluated = false,
        long version = 0,
        long verifyEvery = 0,
        MismatchPolicy onMismatch = MismatchPolicy.Stop,
        long seed = 0,
        bool allowMixed = false,
        OptimizerSettings? optimizer = null,
        TrainingState? state = null,
        long patience = 0,
        double? bestLoss = null,
        long sinceBest = 0)
    {
        Gradients = new GradientPool(Parameters);
        _pool = new FloatBufferPool(Parameters.Length);
        optimizer ??= Adam;
        state ??= new TrainingState(
            new ParameterVersion(version, Filled(1)), [.. optimizer.Moments.Select(_ => Filled(0))], 0, 0, 0)
        {
            SinceBest = sinceBest,
        };
        Coordinator = new CoordinatorBehaviour(
            new CoordinatorSettings(
                Incarnation,
                totalSteps,
                checkpointEvery,
                evaluateEvery,
                expectedSelfTest,
                allowMixed,
                workerLimit,
                divergence,
                bestLoss,
                isResumed,
                isEvaluated)
            {
                VerifyEvery = verifyEvery,
                OnMismatch = onMismatch,
                Seed = seed,
                Patience = patience,
            },
            new CoordinatorInputs(new SmallPlan(), validation ?? []),
            state,
            new Optimizer(optimizer, Parameters, _pool, threads: 1, stepsPerEpoch: 1_000));
    }

    public CoordinatorBehaviour Coordinator { get; }

    public GradientPool Gradients { get; }

    public List<TrainingEvent> Events { get; } = [];

    public List<SaveCheckpoint> Saves { get; } = [];

    public Dictionary<string, StartTimer> Timers { get; } = [];

    public Dictionary<ActorId, List<Message>> Sent { get; } = [];

    public StopActor? End { get; private set; }

    /// <summary>Work that is not done at once: its result is kept in <see cref="Held"/>.</summary>
    public Func<string, bool> Holds { get; set; } = _ => false;

    /// <summary>Results of work that was held back.</summary>
    public List<Message> Held { get; } = [];

    public static ActorId Worker(int index) => ActorId.Worker(index);

    public void Start() => Tell(new Started());

    /// <summary>Starts, says that version 0 is saved, and lets so many workers join.</summary>
    public CoordinatorHarness Begin(int workers)
    {
        Start();
        Tell(new CheckpointWritten(0, null));
        for (int worker = 0; worker < workers; worker++)
        {
            Join(worker);
        }

        return this;
    }

    public void Join(int worker, int threads = 1, string selfTest = "same") =>
        Tell(new Join(Worker(worker), threads, selfTest));

    /// <summary>Lets time pass.</summary>
    public void Wait(TimeSpan time) => _now += time;

    /// <summary>Lets time pass up to a timer, and delivers its message.</summary>
    public void Elapse(string timer)
    {
        _now += Timers[timer].After;
        Timers.Remove(timer, out var elapsed);
        Tell(elapsed!.Message, TimeSpan.Zero);
    }

    public long Dropped(string reason) => Events.OfType<ResultDropped>().LongCount(dropped => dropped.Reason == reason);

    /// <summary>Delivers a message after a second and does all work that it leads to.</summary>
    public void Tell(Message message) => Tell(message, TimeSpan.FromSeconds(1));

    /// <summary>Delivers a message and does all work that it leads to.</summary>
    public void Tell(Message message, TimeSpan after)
    {
        _now += after;
        foreach (var effect in Coordinator.Handle(message, _now))
        {
            switch (effect)
            {
                case Send send:
                    (CollectionsMarshal.GetValueRefOrAddDefault(Sent, send.To, out _) ??= []).Add(send.Message);
                    break;
                case RunWork work when Holds(work.Name):
                    Held.Add(work.Work());
                    break;
                case RunWork work:
                    Tell(work.Work(), TimeSpan.Zero);
                    break;
                case Report { Event: var happened }:
                    Events.Add(happened);
                    break;
                case Illustrate illustrate:
                    illustrate.Version.Release();
                    break;
                case SaveCheckpoint save:
                    Saves.Add(save);
                    break;
                case StartTimer timer:
                    Timers[timer.Name] = timer;
                    break;
                case CancelTimer cancel:
                    Timers.Remove(cancel.Name);
                    break;
                case StopActor stop:
                    End = stop;
                    break;
                default:
                    throw new InvalidOperationException($"unexpected effect {effect}");
            }
        }
    }

    /// <summary>The newest assignment of a step that a worker was sent; one of nothing when there was none.</summary>
    public Assign Assignment(int worker, long step) =>
        Sent[Worker(worker)].OfType<Assign>().LastOrDefault(assign => assign.Step == step)
            ?? new Assign(Incarnation, step, []);

    /// <summary>The ranges of a step over all workers.</summary>
    public IReadOnlyList<(int Worker, AssignedRange Range)> Assigned(long step, params int[] workers) =>
        [.. workers.SelectMany(worker => Assignment(worker, step).Ranges.Select(range => (worker, range)))];

    /// <summary>What an honest worker returns for a range: the tree sum of its shards.</summary>
    public RangeResult Answer(int worker, long step, AssignedRange assigned) => new(
        Incarnation,
        Worker(worker),
        step,
        assigned.Range,
        TokenHash.OfRange(assigned.Shards),
        SumOf(step, assigned.Range));

    /// <summary>
    /// Lets the workers answer everything that they were asked for a step, in the given order of ranges.
    /// </summary>
    public void AnswerAll(
        long step,
        Func<IReadOnlyList<(int Worker, AssignedRange Range)>, IEnumerable<(int Worker, AssignedRange Range)>> order,
        params int[] workers)
    {
        foreach (var (worker, range) in order(Assigned(step, workers)))
        {
            Tell(Answer(worker, step, range));
        }
    }

    public void AnswerAll(long step, params int[] workers) => AnswerAll(step, ranges => ranges, workers);

    public byte[] ParametersSentTo(int worker, long version)
    {
        var published = Sent[Worker(worker)].OfType<Publish>().Single(publish => publish.Version.Version == version);
        return MemoryMarshal.AsBytes<float>(published.Version.Values.Span).ToArray();
    }

    /// <summary>The gradient of one shard: the same for every worker.</summary>
    public Gradient ShardGradient(long step, int shard)
    {
        var gradient = Gradients.Rent();
        float size = MathF.Pow(10, (shard * 5 % 8) - 4) * (1 + step);
        for (int i = 0; i < gradient.Dense.Length; i++)
        {
            gradient.Dense.Span[i] = size * (1.1f + (i * 0.37f)) * (1 + (shard * 0.0131f)) * (shard % 2 == 0 ? 1 : -1);
        }

        gradient.RowIds[0] = shard % 3;
        gradient.RowCount = 1;
        gradient.Rows.Span[0] = size;
        gradient.Rows.Span[1] = -size / 3;
        gradient.LossSum = size;
        gradient.TokenCount = SmallPlan.TokensOf(shard);
        return gradient;
    }

    private Gradient SumOf(long step, ShardRange range)
    {
        if (range.Length == 1)
        {
            return ShardGradient(step, range.Start);
        }

        var left = SumOf(step, range.Left);
        var right = SumOf(step, range.Right);
        GradientSum.Add(left, right);
        right.Release();
        return left;
    }

    private CountedBuffer Filled(float value)
    {
        var buffer = _pool.Rent();
        buffer.Span.Fill(value);
        return new CountedBuffer(buffer, _pool);
    }

    /// <summary>Every step has eight shards with one example each, of two or three predicted tokens.</summary>
    private sealed class SmallPlan : IStepPlan
    {
        public long StepsPerEpoch => 100;

        public static int TokensOf(int shard) => 2 + (shard % 2);

        public IReadOnlyList<ShardTokens> Step(long step) =>
        [
            .. Enumerable.Range(0, Shards).Select(shard =>
            {
                int[] ids = [.. Enumerable.Range(0, TokensOf(shard) + 1).Select(i => (int)((step + shard + i) % 3))];
                return new ShardTokens(ids, [0, ids.Length]);
            }),
        ];
    }
}
