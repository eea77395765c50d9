using System.Diagnostics;
using System.Text.Json;
using static TorchSharp.torch;

namespace RnnLm.Compare;

/// <summary>GFLOP/s of products on one thread and on all at once.</summary>
internal sealed record ProductRate(double One, double All)
{
    private const int Rows = 16 * 29;
    private const int Dimension = 128;
    private const int Vocabulary = 32_011;
    private const int Tile = 256;
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Measures libtorch's float32 products at the shapes of lm-book's output layer. One shard of 16 examples × 29
    /// positions on each thread; every tile of 256 of the 32,011 words against its 464 states (D 128): transposed
    /// logits, gradient of the weights, gradient of the states.
    /// </summary>
    public static ProductRate Measure() => new(Of(1), Of(Environment.ProcessorCount));

    /// <summary>Measures in a process of its own.</summary>
    public static ProductRate MeasureApart() =>
        JsonSerializer.Deserialize<ProductRate>(ChildProcess.Run([.. Program.Own, "products"]).Output)!;

    private static double Of(int threadCount)
    {
        double[] flop = new double[threadCount];
        using var ready = new Barrier(threadCount + 1);
        var threads = Enumerable.Range(0, threadCount).Select(index => new Thread(() =>
        {
            set_num_threads(1);
            using var scope = NewDisposeScope();
            var products = ShardProducts();
            products();
            ready.SignalAndWait();
            long began = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(began) < Time)
            {
                flop[index] += products();
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        ready.SignalAndWait();
        long began = Stopwatch.GetTimestamp();
        threads.ForEach(thread => thread.Join());
        return flop.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds / 1e9;
    }

    /// <summary>The output layer's products of one shard, which return their FLOP.</summary>
    private static Func<double> ShardProducts()
    {
        Tensor states = Values(Rows, Dimension), transposed = Values(Dimension, Rows), logits = Values(Tile, Rows);
        Tensor stateGradient = Values(Rows, Dimension), weightGradient = Values(Vocabulary, Dimension);
        Tensor weight = Values(Vocabulary, Dimension);
        var tiles = Enumerable.Range(0, (Vocabulary + Tile - 1) / Tile).Select(tile =>
        {
            long first = tile * Tile, words = Math.Min(Tile, Vocabulary - first);
            var tileLogits = logits.narrow(0, 0, words);
            return (Weight: weight.narrow(0, first, words), Gradient: weightGradient.narrow(0, first, words),
                Logits: tileLogits, Transposed: tileLogits.t());
        }).ToList();
        return () =>
        {
            foreach (var tile in tiles)
            {
                tile.Logits.addmm_(tile.Weight, transposed, 0, 1);
                tile.Gradient.addmm_(tile.Logits, states, 0, 1);
                stateGradient.addmm_(tile.Transposed, tile.Weight, 0, 1);
            }

            return 3.0 * 2 * Rows * Vocabulary * Dimension;
        };
    }

    /// <summary>Too small for sums to overflow or to reach denormal numbers.</summary>
    private static Tensor Values(long rows, long columns) => rand(rows, columns) * 0.4f - 0.2f;
}
