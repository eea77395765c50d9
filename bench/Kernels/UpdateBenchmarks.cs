using BenchmarkDotNet.Attributes;
using RnnLm.Worker;

namespace RnnLm.Kernels.Benchmarks;

/// <summary>What the coordinator does with a step's gradient of lm-book's 8.3 million parameters.</summary>
public class UpdateBenchmarks : IDisposable
{
    private readonly FusedReplica _model = new(BenchmarkModel.LmBook);
    private Gradient _gradient = null!;
    private OptimizerSettings _settings = null!;
    private UpdateBuffers _current = null!;
    private UpdateBuffers _next = null!;

    /// <summary>Threads.</summary>
    [Params(1, 2)]
    public int Degree { get; set; }

    /// <summary>The formula.</summary>
    [Params(OptimizerKind.Adam, OptimizerKind.Adamw, OptimizerKind.Sgd)]
    public OptimizerKind Optimizer { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        using FloatBuffer parameters = BenchmarkModel.Uniform(_model.Layout.Length, 0.08f);
        _gradient = new Gradient(_model.Layout);
        _model.Compute(parameters, BenchmarkModel.Shard(BenchmarkModel.LmBook, 16, 29, index: 1), _gradient);
        int length = _model.Layout.Length;
        _settings = new OptimizerSettings(
            1e-3, 0.9, 0.999, 1e-8, 0, new LearningRateSchedule(ScheduleKind.Constant, 0, 0), Optimizer, Momentum: 0.9);
        FloatBuffer[] moments = [.. _settings.Moments.Select(_ => new FloatBuffer(length))];
        Array.ForEach(moments, moment => moment.Span.Clear());
        _current = new UpdateBuffers(BenchmarkModel.Uniform(length, 0.08f), moments);
        _next = _current with { Parameters = BenchmarkModel.Uniform(length, 0.08f) };
    }

    [GlobalCleanup]
    public void Dispose()
    {
        IDisposable[] buffers = [_gradient, _current.Parameters, _next.Parameters, .. _current.Moments];
        foreach (IDisposable buffer in buffers)
        {
            buffer.Dispose();
        }

        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void Update() => ParameterUpdate.Apply(_settings, 1e-3, 5, _gradient, 1e-3f, _current, _next, Degree);

    [Benchmark]
    public double Norm() => GradientNorm.OfMean(_gradient, Degree);
}
