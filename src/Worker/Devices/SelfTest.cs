using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;

namespace RnnLm.Worker;

/// <summary>
/// What decides whether machines may work on one run: the hash of everything that could round differently. The fixed
/// test
/// shard (the same tokens and parameters on every machine, at the sizes of the job's model) covers the kernels and the
/// library's products, a sweep over their range the elementary functions, and updates by each of them the optimizers.
/// </summary>
public sealed class SelfTest
{
    private const int MostExamples = 4;
    private const int LongestExample = 12;

    /// <summary>Beyond this e^x overflows, and tanh x is one long before.</summary>
    private const float Sweep = 88;
    private const int SweepPoints = 1 << 16;
    private readonly ModelSettings _model;
    private readonly ParameterLayout _layout;

    /// <summary>The test of the model with these settings.</summary>
    public SelfTest(ModelSettings model)
    {
        _model = model;
        _layout = ParameterLayout.For(model);
    }

    /// <summary>SHA-256 (hex) of loss and gradient of the test shard.</summary>
    public string Run(IReplica computer)
    {
        ArgumentNullException.ThrowIfNull(computer);
        using var pool = new FloatBufferPool(_layout.BufferLength);
        using var gradient = new Gradient(_layout);
        var values = pool.Rent();
        ParameterInitialization.Fill(_model, seed: 0, values.Span);
        var parameters = new ParameterVersion(0, new CountedBuffer(values, pool));
        computer.ComputeGradient(parameters, TestShard(), gradient);
        parameters.Release();

        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(BitConverter.GetBytes(gradient.LossSum));
        sha.AppendData(MemoryMarshal.AsBytes<float>(gradient.Dense.Span));
        sha.AppendData(MemoryMarshal.AsBytes(gradient.RowIds.AsSpan(0, gradient.RowCount)));
        int width = _model.EmbeddingWidth;
        sha.AppendData(MemoryMarshal.AsBytes<float>(gradient.Rows.Span[..(gradient.RowCount * width)]));
        sha.AppendData(MemoryMarshal.AsBytes<float>(Elementary()));
        foreach (var kind in Enum.GetValues<OptimizerKind>())
        {
            sha.AppendData(MemoryMarshal.AsBytes<float>(Optimized(kind)));
        }

        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    /// <summary>e^x and tanh x over [-Sweep, Sweep].</summary>
    private static float[] Elementary()
    {
        float[] results = new float[2 * SweepPoints];
        Span<float> points = stackalloc float[Lanes.Count];
        for (int first = 0; first < SweepPoints; first += Lanes.Count)
        {
            for (int lane = 0; lane < Lanes.Count; lane++)
            {
                points[lane] = Sweep * ((2f * (first + lane) / SweepPoints) - 1);
            }

            Exponential.Of(Vector512.Create<float>(points)).CopyTo(results, first);
            HyperbolicTangent.Of(Vector512.Create<float>(points)).CopyTo(results, SweepPoints + first);
        }

        return results;
    }

    /// <summary>Parameters and moments of a small model after two updates with gradients of all magnitudes.</summary>
    private static float[] Optimized(OptimizerKind kind)
    {
        var settings = new OptimizerSettings(
            1e-3,
            0.9,
            0.999,
            1e-8,
            0,
            new LearningRateSchedule(ScheduleKind.Constant, 0, 0),
            kind,
            WeightDecay: 0.01,
            Momentum: 0.9);
        var layout = ParameterLayout.For(new ModelSettings(VocabularySize: 5, Dimension: 7, Layers: 1, PaddingId: -1));
        using var gradient = new Gradient(layout) { TokenCount = 3, RowCount = 2 };
        (gradient.RowIds[0], gradient.RowIds[1]) = (1, 4);
        var random = new CounterRandom(seed: 0, RandomPurpose.TestShard, 1);
        void Fill(Span<float> values)
        {
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = (random.UniformSingle((ulong)i) - 0.5f) * MathF.ScaleB(1, (i % 40) - 20);
            }
        }

        Fill(gradient.Dense.Span);
        Fill(gradient.Rows.Span);
        FloatBuffer[] buffers =
        [
            .. settings.Moments.Prepend("parameters").Select(_ => new FloatBuffer(layout.BufferLength)),
        ];
        Array.ForEach(buffers, buffer => buffer.Span.Clear());
        Fill(buffers[0].Span);
        var state = new UpdateBuffers(buffers[0], buffers[1..]);
        for (long number = 1; number <= 2; number++)
        {
            ParameterUpdate.Apply(
                settings, settings.LearningRate, number, gradient, scale: 1f / 3, state, state, degree: 1);
        }

        return [.. buffers.SelectMany(buffer => buffer.Span.ToArray())];
    }

    /// <summary>A few examples over the whole vocabulary, of different lengths where they may be.</summary>
    private ShardTokens TestShard()
    {
        var random = new CounterRandom(seed: 0, RandomPurpose.TestShard);
        var ids = new List<int>();
        var starts = new List<int> { 0 };
        int carried = _model.CarriedRows;
        for (int example = 0; example < (carried > 0 ? Math.Min(carried, MostExamples) : MostExamples); example++)
        {
            for (int token = 0; token < LongestExample - (carried > 0 ? 0 : 2 * example); token++)
            {
                ids.Add((int)(random.Bits32((ulong)ids.Count) % (uint)_model.VocabularySize));
            }

            starts.Add(ids.Count);
        }

        return new ShardTokens([.. ids], [.. starts]);
    }
}
