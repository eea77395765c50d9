using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using RnnLm.Coordinator;
using RnnLm.Worker;

namespace RnnLm.Simulation;

/// <summary>
/// A job small enough to be trained in a fraction of a millisecond, and what a single loop without actors, messages and
/// faults makes of it: the serial reference that every simulated run is held against.
/// </summary>
internal sealed class SimulatedJob : IStepPlan
{
    /// <summary>Jobs of arithmetic, then as many that diverge, then those of real models.</summary>
    private const int Variants = 24;
    private const int RealVariants = 4;
    private const double RealModels = 0.02;
    private const int StepsOfAnEpoch = 5;
    private const int MostSteps = 14;
    private const int MostExamples = 3;
    private const int MostTokens = 6;

    /// <summary>Every fourth job has momentum, and every fourth a plateau: the others have plain Adam.</summary>
    private const int Recipes = 4;

    private static readonly ConcurrentDictionary<int, SimulatedJob> s_jobs = [];

    private readonly int _variant;
    private readonly ShardTokens[][] _steps;
    private readonly ulong? _infinite;

    private SimulatedJob(int variant)
    {
        _variant = variant;
        var dice = new Dice(variant);
        Model = new ModelSettings(dice.Between(3, 7), dice.Between(1, 3), dice.Between(1, 2), PaddingId: -1);
        Shards = 1 << dice.Between(0, 4);
        if (variant % 4 == 0)
        {
            Model = Model with { CarriedRows = dice.Between(1, 2 * Shards) };
        }

        Layout = ParameterLayout.For(Model);
        double clip = dice.Chance(0.5) ? 1 : 0;
        var adam = new OptimizerSettings(
            0.1, 0.9, 0.999, 1e-8, clip, new LearningRateSchedule(ScheduleKind.Constant, 0, 0));
        Optimizer = (variant % Recipes) switch
        {
            1 => adam with { Kind = OptimizerKind.Sgd, Momentum = 0.9, WeightDecay = 0.01 },
            2 => adam with
            {
                Schedule = new LearningRateSchedule(
                    ScheduleKind.Plateau, 0, 0, Decay: 0.5, EvaluateEvery: 1 + (variant / Recipes % 3)),
            },
            _ => adam,
        };
        _steps = [.. Enumerable.Range(0, MostSteps).Select(_ => IsStreams ? DrawRows(dice) : Draw(dice, Shards))];

        // A step without a token cannot be.
        foreach (var step in _steps.Where(step => step.All(shard => shard.TargetCount == 0)))
        {
            step[dice.Below(Shards)] = new ShardTokens([0, 1, 2], [0, 3]);
        }

        Validation = [.. Draw(dice, dice.Between(0, 5)).Where(piece => piece.TargetCount > 0)];
        if (IsStreams)
        {
            // One text: a piece is one example.
            Validation = [.. Validation.Select(piece =>
                new ShardTokens(piece.Example(0).ToArray(), [0, piece.Example(0).Length]))];
        }

        if (variant is >= Variants and < 2 * Variants)
        {
            Divergence = dice.Chance(0.5) ? DivergencePolicy.Skip : DivergencePolicy.Stop;
            _infinite = dice.Of(_steps).First(shard => shard.TargetCount > 0).Hash();
        }

        ReferenceVersion[] versions = [.. Train()];
        Reference = versions;
        int skipped = Array.FindIndex(versions, version => version.IsSkipped);
        DivergesAt = skipped < 0 ? null : skipped;
    }

    public ModelSettings Model { get; }

    public ParameterLayout Layout { get; }

    /// <summary>Whether states are carried from step to step, and through the validation text.</summary>
    public bool IsStreams => Model.CarriedRows > 0;

    public OptimizerSettings Optimizer { get; }

    /// <summary>Steps between the evaluations that decide bits; 0 where none does.</summary>
    public long PlateauEvery => Optimizer.Schedule.EvaluateEvery;

    public int Shards { get; }

    /// <summary>The first step whose gradient is infinite; null for none.</summary>
    public int? DivergesAt { get; }

    /// <summary>What the run does then.</summary>
    public DivergencePolicy Divergence { get; }

    public long Seed => _variant;

    public IReadOnlyList<ShardTokens> Validation { get; }

    /// <summary>What the serial loop had after v steps.</summary>
    public IReadOnlyList<ReferenceVersion> Reference { get; }

    /// <inheritdoc/>
    public long StepsPerEpoch => StepsOfAnEpoch;

    /// <summary>SHA-256-like text of the job, as checkpoints carry it.</summary>
    public string Hash => $"{_variant:x64}";

    /// <summary>One of the jobs there are; each is made once in a process.</summary>
    public static SimulatedJob Draw(Dice dice, bool diverges)
    {
        int variant = diverges ? Variants + dice.Below(Variants)
            : dice.Chance(RealModels) ? (2 * Variants) + dice.Below(RealVariants)
            : dice.Below(Variants);
        return s_jobs.GetOrAdd(variant, number => new SimulatedJob(number));
    }

    /// <summary>What computes; for one thread.</summary>
    public IReplica MakeReplica() =>
        _variant < 2 * Variants ? new ArithmeticReplica(Layout, _infinite) : new FusedReplica(Model);

    /// <inheritdoc/>
    public IReadOnlyList<ShardTokens> Step(long step) => _steps[step];

    /// <inheritdoc/>
    public override string ToString() => $"{_variant}";

    /// <summary>Version 0.</summary>
    public TrainingState Initial(FloatBufferPool pool) => StoredState.Initial(Optimizer, pool, values =>
    {
        for (int index = 0; index < values.Length; index++)
        {
            values.Span[index] = ArithmeticReplica.Spread((ulong)((_variant * 1000) + index));
        }

        values.Span[Layout.Length..].Clear();
    });

    /// <summary>The bits of parameters, carried states and moments, in 64 bits.</summary>
    public ulong HashOf(TrainingState state)
    {
        ulong hash = ArithmeticReplica.Mix(0, state.Parameters.Values.Span);
        foreach (var moment in state.Moments)
        {
            hash = ArithmeticReplica.Mix(hash, moment.Values.Span[..Layout.Length]);
        }

        return hash;
    }

    /// <summary>A step of streams: every row has an example, all of one length.</summary>
    private ShardTokens[] DrawRows(Dice dice)
    {
        int tokens = dice.Between(2, MostTokens);
        return [.. Enumerable.Range(0, Shards).Select(shard =>
        {
            int first = shard * Model.CarriedRows / Shards;
            int rows = ((shard + 1) * Model.CarriedRows / Shards) - first;
            return new ShardTokens(
                [.. Enumerable.Range(0, rows * tokens).Select(_ => dice.Below(Model.VocabularySize))],
                [.. Enumerable.Range(0, rows + 1).Select(row => row * tokens)])
            {
                FirstExample = first,
            };
        })];
    }

    private ShardTokens[] Draw(Dice dice, int count) => [.. Enumerable.Range(0, count).Select(_ =>
    {
        var ids = new List<int>();
        var starts = new List<int> { 0 };
        for (int example = dice.Between(0, MostExamples); example > 0; example--)
        {
            int tokens = dice.Between(2, MostTokens);
            ids.AddRange(Enumerable.Range(0, tokens).Select(_ => dice.Below(Model.VocabularySize)));
            starts.Add(ids.Count);
        }

        return new ShardTokens([.. ids], [.. starts]);
    })];

    private IEnumerable<ReferenceVersion> Train()
    {
        using var pool = new FloatBufferPool(Layout.BufferLength);
        using var gradients = new GradientPool(Layout);
        using var replica = MakeReplica();
        var optimizer = new Optimizer(Optimizer, Layout, pool, threads: 1, StepsPerEpoch);
        var state = Initial(pool);
        for (long step = 0; ; step++)
        {
            double? validation = Validation.Count == 0
                ? null
                : LossOf(replica, state.Parameters) / Validation.Sum(piece => piece.TargetCount);
            if (step == MostSteps)
            {
                yield return new ReferenceVersion(HashOf(state), validation, 0, 0, 0, false);
                yield break;
            }

            state = Evaluated(state, validation);
            var shards = _steps[step];
            var sum = Sum(state.Parameters, shards, gradients, replica);
            double meanLoss = sum.LossSum / sum.TokenCount;
            ulong tokens = TokenHash.OfHashes([.. shards.Select(shard => shard.Hash())]);
            ulong hash = HashOf(state);
            var outcome = optimizer.Apply(state, sum, shards.Sum(shard => shard.ExampleCount));
            sum.Release();
            yield return new ReferenceVersion(
                hash, validation, meanLoss, tokens, outcome.GradientNorm, !outcome.IsFinite);
            state = outcome.IsFinite ? outcome.State : optimizer.Skipped(state);
        }
    }

    private double LossOf(IReplica replica, ParameterVersion version)
    {
        double sum = 0;
        float[] state = [];
        foreach (var piece in Validation)
        {
            double loss;
            (loss, state) = IsStreams
                ? replica.ComputeLoss(version, piece, state)
                : (replica.ComputeLoss(version, piece), state);
            sum += loss;
        }

        return sum;
    }

    /// <summary>A plateau's decision where one is due: written apart from the product's.</summary>
    private TrainingState Evaluated(TrainingState state, double? validation)
    {
        if (PlateauEvery == 0 || state.Version == 0 || state.Version % PlateauEvery != 0 ||
            validation is not { } loss)
        {
            return state;
        }

        double best = state.Plateau?.BestLoss ?? double.PositiveInfinity;
        double factor = state.Plateau?.Factor ?? 1;
        return state with
        {
            Plateau = new PlateauState(Math.Min(best, loss), loss < best ? factor : factor * Optimizer.Schedule.Decay),
        };
    }

    /// <summary>The tree's sum, by recursion over halves: written apart from the product's tree.</summary>
    private static Gradient Sum(
        ParameterVersion version, ReadOnlySpan<ShardTokens> shards, GradientPool gradients, IReplica replica)
    {
        if (shards.Length == 1)
        {
            var gradient = gradients.Rent();
            replica.ComputeGradient(version, shards[0], gradient);
            return gradient;
        }

        var left = Sum(version, shards[..(shards.Length / 2)], gradients, replica);
        var right = Sum(version, shards[(shards.Length / 2)..], gradients, replica);
        GradientSum.Add(left, right);
        right.Release();
        return left;
    }
}

/// <summary>The serial loop's state after some steps, and what it computes from there.</summary>
/// <param name="Hash">Bits of parameters and moments.</param>
/// <param name="ValidationLoss">On the validation text; null when there is none.</param>
/// <param name="MeanLoss">Of the step that follows.</param>
/// <param name="TokenHash">Of the tokens of the step that follows.</param>
/// <param name="GradientNorm">Of the step that follows.</param>
/// <param name="IsSkipped">Whether the step that follows is not finite.</param>
internal sealed record ReferenceVersion(
    ulong Hash, double? ValidationLoss, double MeanLoss, ulong TokenHash, double GradientNorm, bool IsSkipped);

/// <summary>
/// Numbers that follow from parameters and tokens and are spread over many magnitudes, so that any other order of
/// addition, any token and any parameter that differs shows in the sum.
/// </summary>
/// <param name="layout">Of the model.</param>
/// <param name="infinite">Hash of the shard whose gradient is infinite; null for none.</param>
internal sealed class ArithmeticReplica(ParameterLayout layout, ulong? infinite) : IReplica
{
    private const int Magnitudes = 40;

    /// <summary>A float that follows from 64 bits: any sign, 2⁻²⁰ to 2²⁰.</summary>
    public static float Spread(ulong bits)
    {
        ulong mixed = Mix(bits);
        float mantissa = 1 + ((mixed & 0x7F_FFFF) / (float)0x80_0000);
        float size = MathF.ScaleB(mantissa, (int)((mixed >> 24) % Magnitudes) - (Magnitudes / 2));
        return (mixed >> 63) == 0 ? size : -size;
    }

    /// <summary>The finalizer of SplitMix64 (Steele, Lea, Flood, 2014): every bit depends on every bit.</summary>
    public static ulong Mix(ulong bits)
    {
        bits = (bits ^ (bits >> 30)) * 0xBF58_476D_1CE4_E5B9;
        bits = (bits ^ (bits >> 27)) * 0x94D0_49BB_1331_11EB;
        return (bits ^ (bits >> 31)) + 0x9E37_79B9_7F4A_7C15;
    }

    /// <summary>Mixes the bits of values in, one after the other.</summary>
    public static ulong Mix(ulong hash, ReadOnlySpan<float> values)
    {
        foreach (uint bits in MemoryMarshal.Cast<float, uint>(values))
        {
            hash = Mix(hash ^ bits);
        }

        return hash;
    }

    /// <inheritdoc/>
    public void ComputeGradient(ParameterVersion parameters, ShardTokens shard, Gradient result)
    {
        result.Clear();
        if (shard.TargetCount == 0)
        {
            return;
        }

        // Everything depends on the states that the shard goes on from, and the states after it on everything.
        var values = parameters.Values.Span;
        ulong tokens = shard.Hash();
        ulong seed = tokens;
        int states = layout.CarriedStates is null ? 0 : shard.ExampleCount * layout.StateWidth;
        if (states > 0)
        {
            seed = Mix(seed, values.Slice(layout.StateOf(shard.FirstExample), states));
        }

        int dimension = layout.Embedding.Shape[1];
        int beforeDense = layout.DenseStart;
        result.Dense.Span.Clear();
        for (int index = beforeDense; index < layout.Length; index++)
        {
            result.Dense.Span[index - beforeDense] = Spread(seed + (ulong)index) + values[index];
        }

        for (int index = 0; index < states; index++)
        {
            result.Dense.Span[layout.StateOf(shard.FirstExample) - beforeDense + index] =
                Spread(seed - (ulong)index - 1);
        }

        if (tokens == infinite)
        {
            result.Dense.Span[0] = float.PositiveInfinity;
        }

        foreach (int id in shard.Ids.Distinct().Order())
        {
            for (int column = 0; column < dimension; column++)
            {
                float value = values[(id * dimension) + column];
                result.Rows.Span[(result.RowCount * dimension) + column] = Spread(seed ^ (ulong)(id + column)) + value;
            }

            result.RowIds[result.RowCount++] = id;
        }

        result.LossSum = ComputeLoss(parameters, shard);
        result.TokenCount = shard.TargetCount;
    }

    /// <inheritdoc/>
    public double ComputeLoss(ParameterVersion parameters, ShardTokens shard)
    {
        double loss = Math.Abs(Spread(shard.Hash() + 1));
        foreach (float value in parameters.Values.Span[..layout.Length])
        {
            loss += Math.Abs(value) / 1024;
        }

        return loss;
    }

    /// <inheritdoc/>
    public (double LossSum, float[] State) ComputeLoss(ParameterVersion parameters, ShardTokens text, float[] state)
    {
        // The loss depends on every value of the state before, and the state after on both and on the text.
        double loss = ComputeLoss(parameters, text);
        float[] after = new float[layout.StateWidth];
        ulong mixed = Mix(text.Hash(), state);
        foreach (float value in state)
        {
            loss += Math.Abs(value) / 1024;
        }

        for (int i = 0; i < after.Length; i++)
        {
            after[i] = Spread(mixed + (ulong)i);
        }

        return (loss, after);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
