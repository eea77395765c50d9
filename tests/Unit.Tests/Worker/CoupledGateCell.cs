namespace RnnLm.Tests;

/// <summary>
/// A cell as a program may add one, with a state [h, c] of 2 D: [f, g] = [x, h]·W + b, c' = σ(f)·c + (1 - σ(f))·tanh g,
/// h' = tanh c'.
/// </summary>
internal sealed class CoupledGateCell() : Cell(new CellDeclaration(
    "coupled-gate",
    [new("W", (i, d) => [i + d, 2 * d]), new("b", (_, d) => [2 * d], (_, _) => (-1, 0.5))])
{
    StateWidth = dimension => 2 * dimension,
})
{
    /// <summary>Its name, by which the process knows it once this was asked for.</summary>
    public static string Registered { get; } = Register();

    public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension) =>
        new Unit(inputs, dimension);

    /// <summary>The same for one example in double, as the formula says.</summary>
    /// <param name="inputs">x (time, D).</param>
    /// <param name="parameters">W and b.</param>
    public static double[][] Reference(double[][] inputs, double[][] parameters)
    {
        var (w, b) = (parameters[0], parameters[1]);
        int d = b.Length / 2;
        var outputs = new double[inputs.Length][];
        double[] h = new double[d], c = new double[d];
        for (int t = 0; t < inputs.Length; t++)
        {
            double[] joined = [.. inputs[t], .. h];
            double[] sums = [.. Enumerable.Range(0, 2 * d).Select(
                j => b[j] + joined.Select((value, k) => value * w[(k * 2 * d) + j]).Sum())];
            c = [.. Enumerable.Range(0, d).Select(j =>
            {
                double keep = 1 / (1 + Math.Exp(-sums[j]));
                return (keep * c[j]) + ((1 - keep) * Math.Tanh(sums[d + j]));
            })];
            outputs[t] = h = [.. c.Select(Math.Tanh)];
        }

        return outputs;
    }

    private static string Register()
    {
        var cell = new CoupledGateCell();
        Cells.Register(cell);
        return cell.Declaration.Name;
    }

    private sealed class Unit : nn.Module<Tensor, Tensor, Tensor>
    {
        private readonly TorchSharp.Modules.Parameter W;
        private readonly TorchSharp.Modules.Parameter b;

        public Unit(long inputs, long dimension)
            : base(nameof(Unit))
        {
            W = nn.Parameter(zeros(inputs + dimension, 2 * dimension));
            b = nn.Parameter(zeros(2 * dimension));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x, Tensor state)
        {
            Tensor[] old = state.chunk(2, 1);
            Tensor[] sums = b.addmm(cat([x, old[0]], 1), W).chunk(2, 1);
            Tensor c = sums[1].tanh().lerp(old[1], sums[0].sigmoid());
            return cat([c.tanh(), c], 1);
        }
    }
}
