namespace RnnLm.Tests;

/// <summary>The cells written down as their papers and PyTorch's documentation say, one example after the other, in
/// double.</summary>
internal static class ReferenceCells
{
    /// <summary>Outputs of a layer for its inputs and its parameters, from a state of zeros.</summary>
    public delegate double[][] Layer(double[][] inputs, double[][] parameters);

    public static IReadOnlyDictionary<string, Layer> All { get; } = new Dictionary<string, Layer>
    {
        ["elman"] = (inputs, p) => Each(inputs, p[2].Length, (x, h) =>
            Map(Math.Tanh, Sum(Columns(x, p[1], h.Length), Columns(h, p[0], h.Length), p[2]))),
        ["rnn"] = (inputs, p) => Torch(inputs, p, 1, (x, h, _) => Map(Math.Tanh, Sum(x, h))),
        ["rnn-relu"] = (inputs, p) => Torch(inputs, p, 1, (x, h, _) => Map(v => Math.Max(v, 0), Sum(x, h))),
        ["gru"] = (inputs, p) => Torch(inputs, p, 3, (x, h, old) =>
        {
            int d = old.Length;
            double[] r = Map(Sigmoid, Sum(x[..d], h[..d]));
            double[] z = Map(Sigmoid, Sum(x[d..(2 * d)], h[d..(2 * d)]));
            double[] n = Map(Math.Tanh, Sum(x[(2 * d)..], Product(r, h[(2 * d)..])));
            return Sum(Product(Map(v => 1 - v, z), n), Product(z, old));
        }),
        ["lstm"] = (inputs, p) =>
        {
            int d = p[2].Length / 4;
            double[] c = new double[d];
            return Torch(inputs, p, 4, (x, h, _) =>
            {
                double[] sum = Sum(x, h);
                double[] i = Map(Sigmoid, sum[..d]), f = Map(Sigmoid, sum[d..(2 * d)]);
                double[] g = Map(Math.Tanh, sum[(2 * d)..(3 * d)]), o = Map(Sigmoid, sum[(3 * d)..]);
                c = Sum(Product(f, c), Product(i, g));
                return Product(o, Map(Math.Tanh, c));
            });
        },
        ["jordan-hidden"] = (inputs, p) => Each(inputs, p[1].Length, (x, y) =>
        {
            double[] h = Map(Math.Tanh, Sum(Columns(x, p[0], y.Length), Columns(y, p[4], y.Length), p[1]));
            return Map(Math.Tanh, Sum(Columns(h, p[2], y.Length), p[3]));
        }),
        ["jordan-output"] = (inputs, p) => Each(inputs, p[1].Length, (x, y) =>
        {
            double[] h = Map(Math.Tanh, Sum(Columns(x, p[0], y.Length), p[1]));
            return Map(Math.Tanh, Sum(Columns(h, p[2], y.Length), Columns(y, p[4], y.Length), p[3]));
        }),
        ["mingru"] = (inputs, p) => Each(inputs, p[1].Length, (x, h) =>
        {
            double[] z = Map(Sigmoid, Sum(Rows(p[0], x), p[1]));
            double[] value = Map(G, Sum(Rows(p[2], x), p[3]));
            return Sum(Product(Map(v => 1 - v, z), h), Product(z, value));
        }),
        ["minlstm"] = (inputs, p) => Each(inputs, p[1].Length, (x, h) =>
        {
            double[] f = Map(Sigmoid, Sum(Rows(p[0], x), p[1]));
            double[] i = Map(Sigmoid, Sum(Rows(p[2], x), p[3]));
            double[] value = Map(G, Sum(Rows(p[4], x), p[5]));
            return [.. h.Select((old, k) => ((f[k] * old) + (i[k] * value[k])) / (f[k] + i[k]))];
        }),
        ["xlstm"] = (inputs, p) => Slstm(Mlstm(inputs, p[..14]), p[14..]),
    };

    private static double[][] Mlstm(double[][] inputs, double[][] p)
    {
        int inner = p[10].Length;
        int heads = inner % 4 == 0 ? 4 : 1;
        int size = inner / heads;
        var memory = new double[heads, size, size];
        double[] n = new double[inner], h = new double[inner];
        return [.. inputs.Select(x =>
        {
            double[] both = Rows(p[2], Affine(Normal(x, 1), p[0], p[1]));
            var (u, z) = (both[..inner], both[inner..]);
            double[] takes = Sum(Rows(p[6], u), p[7]), keeps = Sum(Rows(p[8], u), p[9]);
            for (int head = 0; head < heads; head++)
            {
                int from = head * size;
                double[] Of(double[] weights) =>
                    Columns(u[from..(from + size)], weights[(from * size)..((from + size) * size)], size);
                var (q, k, v) = (Of(p[3]), Map(value => value / Math.Sqrt(size), Of(p[4])), Of(p[5]));
                double take = Math.Exp(takes[head]), keep = Sigmoid(keeps[head]), weight = 0;
                for (int a = 0; a < size; a++)
                {
                    n[from + a] = (keep * n[from + a]) + (take * k[a]);
                    weight += q[a] * n[from + a];
                }

                for (int b = 0; b < size; b++)
                {
                    h[from + b] = 0;
                    for (int a = 0; a < size; a++)
                    {
                        memory[head, a, b] = (keep * memory[head, a, b]) + (take * k[a] * v[b]);
                        h[from + b] += q[a] * memory[head, a, b] / Math.Max(Math.Abs(weight), 1);
                    }
                }
            }

            double[] normal = Sum(Affine(Normal(h, heads), p[11], p[12]), Product(p[10], u));
            double[] y = Rows(p[13], Product(normal, Map(value => value * Sigmoid(value), z)));
            return x.Length == y.Length ? Sum(x, y) : y;
        })];
    }

    private static double[][] Slstm(double[][] inputs, double[][] p)
    {
        int d = p[5].Length;
        int heads = d % 4 == 0 ? 4 : 1;
        int size = d / heads;
        double[] h = new double[d], c = new double[d], n = new double[d], m = new double[d];
        bool isFirst = true;
        return [.. inputs.Select(x =>
        {
            double[] sums = Sum(Rows(p[2], Affine(Normal(x, 1), p[0], p[1])), p[4]);
            for (int head = 0; head < heads; head++)
            {
                for (int gate = 0; gate < 4; gate++)
                {
                    for (int j = 0; j < size; j++)
                    {
                        for (int k = 0; k < size; k++)
                        {
                            sums[(gate * d) + (head * size) + j] += h[(head * size) + k] *
                                p[3][(((head * size) + k) * 4 * size) + (gate * size) + j];
                        }
                    }
                }
            }

            for (int j = 0; j < d; j++)
            {
                // Without the stabilizer, which cancels.
                double take = Math.Exp(sums[d + j]);
                double keep = isFirst ? 0 : Math.Exp(sums[(2 * d) + j]);
                c[j] = (keep * c[j]) + (take * Math.Tanh(sums[j]));
                n[j] = (keep * n[j]) + take;
                h[j] = Sigmoid(sums[(3 * d) + j]) * c[j] / n[j];
            }

            isFirst = false;
            double[] value = Sum(x, Affine(Normal(h, heads), p[5], p[6]));
            double[] normal = Affine(Normal(value, 1), p[7], p[8]);
            return Sum(value, Rows(p[11], Product(Map(Gelu, Rows(p[9], normal)), Rows(p[10], normal))));
        })];
    }

    /// <summary>Outputs as PyTorch's cells have them: gates of inputs and of states, with a bias each.</summary>
    private static double[][] Torch(
        double[][] inputs, double[][] p, int gates, Func<double[], double[], double[], double[]> next) =>
        Each(inputs, p[2].Length / gates, (x, h) => next(Sum(Rows(p[0], x), p[2]), Sum(Rows(p[1], h), p[3]), h));

    private static double[][] Each(double[][] inputs, int dimension, Func<double[], double[], double[]> next)
    {
        double[] state = new double[dimension];
        return [.. inputs.Select(x => state = next(x, state))];
    }

    /// <summary>x·M for a row-major matrix (x, columns).</summary>
    private static double[] Columns(double[] x, double[] matrix, int columns) => [.. Enumerable.Range(0, columns)
        .Select(j => x.Select((value, k) => value * matrix[(k * columns) + j]).Sum())];

    /// <summary>M·x for a row-major matrix (rows, x).</summary>
    private static double[] Rows(double[] matrix, double[] x) => [.. Enumerable.Range(0, matrix.Length / x.Length)
        .Select(j => x.Select((value, k) => value * matrix[(j * x.Length) + k]).Sum())];

    /// <summary>Zero mean and unit variance in each of so many parts.</summary>
    private static double[] Normal(double[] x, int parts) => [.. x.Chunk(x.Length / parts).SelectMany(part =>
    {
        double mean = part.Average();
        double variance = part.Average(value => (value - mean) * (value - mean));
        return part.Select(value => (value - mean) / Math.Sqrt(variance + 1e-5));
    })];

    private static double[] Affine(double[] x, double[] weight, double[] bias) => Sum(Product(x, weight), bias);

    private static double[] Sum(double[] first, params double[][] others) =>
        [.. first.Select((value, k) => value + others.Sum(other => other[k]))];

    private static double[] Product(double[] left, double[] right) => [.. left.Zip(right, (x, y) => x * y)];

    private static double[] Map(Func<double, double> function, double[] values) => [.. values.Select(function)];

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double G(double x) => x >= 0 ? x + 0.5 : Sigmoid(x);

    /// <summary>x·Φ(x), by the series of the error function.</summary>
    private static double Gelu(double x)
    {
        double z = x / Math.Sqrt(2), term = z, sum = z;
        for (int k = 1; k < 200; k++)
        {
            term *= -z * z / k;
            sum += term / ((2 * k) + 1);
        }

        return x * 0.5 * (1 + (2 / Math.Sqrt(Math.PI) * sum));
    }
}
