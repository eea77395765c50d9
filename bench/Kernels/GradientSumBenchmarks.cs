using BenchmarkDotNet.Attributes;

namespace RnnLm.Kernels.Benchmarks;

/// <summary>
/// One addition of the reduction tree over lm-book's gradients, whose embedding rows are the same on both sides.
/// </summary>
public class GradientSumBenchmarks : IDisposable
{
    private readonly Gradient _left = NewGradient();
    private readonly Gradient _right = NewGradient();

    [GlobalCleanup]
    public void Dispose()
    {
        _left.Dispose();
        _right.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void Add() => GradientSum.Add(_left, _right);

    private static Gradient NewGradient()
    {
        const int RowCount = 464;
        var gradient = new Gradient(ParameterLayout.For(BenchmarkModel.LmBook))
        {
            RowCount = RowCount,
            TokenCount = RowCount,
        };
        for (int i = 0; i < RowCount; i++)
        {
            gradient.RowIds[i] = 50 * i;
        }

        using FloatBuffer values = BenchmarkModel.Uniform(gradient.Dense.Length, 1);
        values.Span[..gradient.Rows.Length].CopyTo(gradient.Rows.Span);
        values.Span.CopyTo(gradient.Dense.Span);
        return gradient;
    }
}
