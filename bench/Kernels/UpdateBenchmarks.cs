using BenchmarkDotNet.Attributes;
using RnnLm.Worker;

namespace RnnLm.Kernels.Benchmarks;

/// <summary>What the coordinator does with a step's gradient of lm-book's 8.3 million parameters.</summary>
public class UpdateBenchmarks : IDisposable
{
    private readonly FusedReplica _model = new(BenchmarkModel.LmBook);
    private Gradient _gradient = null!;
    private AdamState _current = null!;
    private AdamState _next = null!;

    /// <summary>Threads.</summary>
    [Params(1, 2)]
    public int Degree { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        using FloatBuffer parameters = BenchmarkModel.Uniform(_model.Layout.Length, 0.08f);
        _gradient = new Gradient(_model.Layout);
        _model.Compute(parameters, BenchmarkModel.Shard(BenchmarkModel.LmBook, 16, 29, index: 1), _gradient);
        int length = _model.Layout.Length;
        var moments = new[] { new FloatBuffer(length), new FloatBuffer(length) };
        moments[0].Span.Clear();
        moments[1].Span.Clear();
        _current = new AdamState(BenchmarkModel.Uniform(length, 0.08f), moments[0], moments[1]);
        _next = _current with { Parameters = BenchmarkModel.Uniform(length, 0.08f) };
    }

    [GlobalCleanup]
    public void Dispose()
    {
        foreach (IDisposable buffer in new IDisposable[]
            { _gradient, _current.Parameters, _current.FirstMoment, _current.SecondMoment, _next.Parameters })
        {
            buffer.Dispose();
        }

        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void AdamUpdate() => Adam.Update(new AdamSettings(), 5, _gradient, 1e-3f, _current, _next, Degree);

    [Benchmark]
    public double Norm() => GradientNorm.OfMean(_gradient, Degree);
}
