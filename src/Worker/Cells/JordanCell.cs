namespace RnnLm.Worker;

/// <summary>
/// The recurrences that go out from the output y of a layer: output-to-hidden, h = tanh(x·Wh + y·Uh + bh),
/// y' = tanh(h·Wy + by), and output-to-output, h = tanh(x·Wh + bh), y' = tanh(h·Wy + y·Uy + by); h has D values as y
/// has. Source: Jordan, "Serial Order: A Parallel Distributed Processing Approach", 1986.
/// </summary>
/// <param name="name">What <c>--cell</c> calls it.</param>
/// <param name="isHidden">Whether y goes to the hidden values rather than to the next y.</param>
internal sealed class JordanCell(string name, bool isHidden) : Cell(Declare(name, isHidden ? "Uh" : "Uy"))
{
    /// <inheritdoc/>
    public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension) =>
        isHidden ? new OutputToHidden(inputs, dimension) : new OutputToOutput(inputs, dimension);

    private static CellDeclaration Declare(string name, string recurrent) => new(
        name,
        [
            new("Wh", (i, d) => [i, d]), new("bh", (_, d) => [d]), new("Wy", (_, d) => [d, d]),
            new("by", (_, d) => [d]), new(recurrent, (_, d) => [d, d]),
        ])
    {
        FirstValues = FirstValues.PyTorch,
    };

    /// <summary>What both have.</summary>
    private abstract class Unit : nn.Module<Tensor, Tensor, Tensor>
    {
        protected readonly Parameter Wh;
        protected readonly Parameter bh;
        protected readonly Parameter Wy;
        protected readonly Parameter by;

        protected Unit(long inputs, long dimension)
            : base(nameof(JordanCell))
        {
            Wh = nn.Parameter(zeros(inputs, dimension));
            bh = nn.Parameter(zeros(dimension));
            Wy = nn.Parameter(zeros(dimension, dimension));
            by = nn.Parameter(zeros(dimension));
        }
    }

    private sealed class OutputToHidden : Unit
    {
        private readonly Parameter Uh;

        public OutputToHidden(long inputs, long dimension)
            : base(inputs, dimension)
        {
            Uh = nn.Parameter(zeros(dimension, dimension));
            RegisterComponents();
        }

        public override Tensor forward(Tensor input1, Tensor input2)
        {
            Tensor hidden = bh.addmm(input1, Wh).addmm(input2, Uh).tanh();
            return by.addmm(hidden, Wy).tanh();
        }
    }

    private sealed class OutputToOutput : Unit
    {
        private readonly Parameter Uy;

        public OutputToOutput(long inputs, long dimension)
            : base(inputs, dimension)
        {
            Uy = nn.Parameter(zeros(dimension, dimension));
            RegisterComponents();
        }

        public override Tensor forward(Tensor input1, Tensor input2)
        {
            Tensor hidden = bh.addmm(input1, Wh).tanh();
            return by.addmm(hidden, Wy).addmm(input2, Uy).tanh();
        }
    }
}
