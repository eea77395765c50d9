using BenchmarkDotNet.Attributes;
using RnnLm.Shared.Buffers;
using RnnLm.Shared.Gradients;

namespace RnnLm.Kernels.Benchmarks;

/// <summary>What the coordinator does with the gradients of lm-book's 8.3 million parameters.</summary>
public class CoordinatorBenchmarks
{
    private readonly ElmanLanguageModel _model = new(BenchmarkModel.LmBook);
    private Gradient _left = null!;
    private Gradient _right = null!;
    private AdamState _current = null!;
    private AdamState _next = null!;

    /// <summary>Threads.</summary>
    [Params(1, 2)]
    public int Degree { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        using FloatBuffer parameters = BenchmarkModel.Uniform(_model.Layout.Length, 0.08f);
        using var workspace = new Workspace();
        _left = new Gradient(_model.Layout);
        _right = new Gradient(_model.Layout);
        _model.Compute(parameters, BenchmarkModel.Shard(BenchmarkModel.LmBook, 16, 29, index: 1), workspace, _left);
        _model.Compute(parameters, BenchmarkModel.Shard(BenchmarkModel.LmBook, 16, 29, index: 2), workspace, _right);
        int length = _model.Layout.Length;
        var moments = new[] { new FloatBuffer(length), new FloatBuffer(length) };
        moments[0].Span.Clear();
        moments[1].Span.Clear();
        _current = new AdamState(BenchmarkModel.Uniform(length, 0.08f), moments[0], moments[1]);
        _next = _current with { Parameters = BenchmarkModel.Uniform(length, 0.08f) };
    }

    [GlobalCleanup]
    public void Release()
    {
        foreach (IDisposable buffer in new IDisposable[]
            { _left, _right, _current.Parameters, _current.FirstMoment, _current.SecondMoment, _next.Parameters })
        {
            buffer.Dispose();
        }
    }

    [Benchmark]
    public void AdamUpdate() => Adam.Update(new AdamSettings(), 5, _left, 1e-3f, _current, _next, Degree);

    [Benchmark]
    public double Norm() => GradientNorm.OfMean(_left, Degree);

    [Benchmark]
    public void AddGradients() => GradientSum.Add(_left, _right);
}
