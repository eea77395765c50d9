using BenchmarkDotNet.Attributes;
using RnnLm.Worker;

namespace RnnLm.Kernels.Benchmarks;

/// <summary>
/// One shard on one thread, and beside it the same shard's matrix products alone (same shapes, same order, nothing between): the ratio of the two is the
/// share of a shard's time that its products take.
/// </summary>
public class ShardBenchmarks : IDisposable
{
    private FusedReplica _model = null!;
    private ModelSettings _settings = null!;
    private FloatBuffer _parameters = null!;
    private Gradient _gradient = null!;
    private ShardTokens _shard = null!;
    private ShardProducts _products = null!;

    /// <summary>lm-book: 16 examples of 29 targets; char: 16 examples of 64.</summary>
    [Params("lm-book", "char")]
    public string Preset { get; set; } = "";

    [GlobalSetup]
    public void Prepare()
    {
        bool isBook = Preset == "lm-book";
        _settings = isBook ? BenchmarkModel.LmBook : BenchmarkModel.Characters;
        _model = new FusedReplica(_settings);
        _parameters = BenchmarkModel.Uniform(_model.Layout.Length, 0.08f);
        _gradient = new Gradient(_model.Layout);
        _shard = BenchmarkModel.Shard(_settings, exampleCount: 16, targetsPerExample: isBook ? 29 : 64, index: 0);
        _products = new ShardProducts(_settings, exampleCount: 16, steps: isBook ? 29 : 64);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _products.Dispose();
        _gradient.Dispose();
        _parameters.Dispose();
        _model.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(Baseline = true)]
    public void ProductsAlone() => _products.Run();

    [Benchmark]
    public void LossAndGradient() => _model.Compute(_parameters, _shard, _gradient);

    [Benchmark]
    public double Loss() => _model.Loss(_parameters, _shard);
}
