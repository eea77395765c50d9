using BenchmarkDotNet.Attributes;
using RnnLm.Worker;

namespace RnnLm.Kernels.Benchmarks;

/// <summary>One shard on one thread.</summary>
public class ShardBenchmarks : IDisposable
{
    private FusedReplica _model = null!;
    private FloatBuffer _parameters = null!;
    private Gradient _gradient = null!;
    private ShardTokens _shard = null!;

    /// <summary>lm-book: 16 examples of 29 targets; char: 16 examples of 64.</summary>
    [Params("lm-book", "char")]
    public string Preset { get; set; } = "";

    [GlobalSetup]
    public void Prepare()
    {
        bool isBook = Preset == "lm-book";
        var settings = isBook ? BenchmarkModel.LmBook : BenchmarkModel.Characters;
        _model = new FusedReplica(settings);
        _parameters = BenchmarkModel.Uniform(_model.Layout.Length, 0.08f);
        _gradient = new Gradient(_model.Layout);
        _shard = BenchmarkModel.Shard(settings, exampleCount: 16, targetsPerExample: isBook ? 29 : 64, index: 0);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _gradient.Dispose();
        _parameters.Dispose();
        _model.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void LossAndGradient() => _model.Compute(_parameters, _shard, _gradient);

    [Benchmark]
    public double Loss() => _model.Loss(_parameters, _shard);
}
