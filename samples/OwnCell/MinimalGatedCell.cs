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
        new("Wf", d => [d, d]), new("Uf", d => [d, d]), new("b", d => [d], _ => (-1, 1)),
        new("Wh", d => [d, d]), new("Uh", d => [d, d]),
    ]))
{
    public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long dimension) => new Unit(dimension);

    private sealed class Unit : nn.Module<Tensor, Tensor, Tensor>
    {
        private readonly Parameter Wf, Uf, b, Wh, Uh;

        public Unit(long d)
            : base("mgu")
        {
            (Wf, Uf, Wh, Uh) = (Matrix(), Matrix(), Matrix(), Matrix());
            b = nn.Parameter(zeros(d));
            RegisterComponents();
            Parameter Matrix() => nn.Parameter(zeros(d, d));
        }

        public override Tensor forward(Tensor x, Tensor h)
        {
            var f = (x.matmul(Wf) + h.matmul(Uf) + b).sigmoid();
            return ((1 - f) * h) + (f * (x.matmul(Wh) + h.matmul(Uh)).tanh());
        }
    }
}
