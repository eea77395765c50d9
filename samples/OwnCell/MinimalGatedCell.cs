using RnnLm.Shared;
using RnnLm.Worker;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace OwnCell;

/// <summary>
/// A minimal gated unit, f = σ(x·Wf + h·Uf + b), h' = (1 − f)·h + f·tanh(x·Wh + h·Uh), in an assembly that knows
/// nothing of the programs that train with it.
/// </summary>
public sealed class MinimalGatedCell() : Cell(new CellDeclaration(
    "mgu",
    [
        new("Wf", (i, d) => [i, d]), new("Uf", (_, d) => [d, d]), new("b", (_, d) => [d], (_, _) => (-1, 1)),
        new("Wh", (i, d) => [i, d]), new("Uh", (_, d) => [d, d]),
    ]))
{
    public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension) =>
        new Unit(inputs, dimension);

    private sealed class Unit : nn.Module<Tensor, Tensor, Tensor>
    {
        private readonly Parameter Wf, Uf, b, Wh, Uh;

        public Unit(long i, long d)
            : base("mgu")
        {
            (Wf, Uf, Wh, Uh) = (Matrix(i), Matrix(d), Matrix(i), Matrix(d));
            b = nn.Parameter(zeros(d));
            RegisterComponents();
            Parameter Matrix(long rows) => nn.Parameter(zeros(rows, d));
        }

        public override Tensor forward(Tensor x, Tensor h)
        {
            var f = b.addmm(x, Wf).addmm(h, Uf).sigmoid();
            return h.lerp(x.matmul(Wh).addmm(h, Uh).tanh(), f);
        }
    }
}
