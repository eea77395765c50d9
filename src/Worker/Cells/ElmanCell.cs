namespace RnnLm.Worker;

/// <summary>
/// <c>h' = tanh(x·Wh + h·Uh + b)</c>. Source: Elman, "Finding Structure in Time", 1990. Its parameters are declared in
/// <see cref="CellDeclaration"/>, since it is the cell of a job that names none.
/// </summary>
internal sealed class ElmanCell() : Cell(CellDeclaration.Of(CellDeclaration.DefaultName))
{
    /// <inheritdoc/>
    public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension) =>
        new Unit(inputs, dimension);

    /// <inheritdoc/>
    internal override Func<int, LayerScan> Scan => _ => new SimpleScan(isTorch: false);

    /// <inheritdoc/>
    internal override Func<long, long, long, TorchLayers> Layers => (inputs, dimension, layers) =>
        new TorchLayers(nn.RNN(inputs, dimension, layers, batchFirst: true), Declaration)
        {
            // x·Wh + h·Uh + b = x·W_ihᵀ + b_ih + h·W_hhᵀ + b_hh with W_ih = Whᵀ, W_hh = Uhᵀ, b_ih = b, b_hh = 0.
            Names = new Dictionary<string, string> { ["Uh"] = "weight_hh", ["Wh"] = "weight_ih", ["b"] = "bias_ih" },
            IsTransposed = true,
        };

    private sealed class Unit : nn.Module<Tensor, Tensor, Tensor>
    {
        // The field names are the keys of the state dict, their order its order.
        private readonly Parameter Uh;
        private readonly Parameter Wh;
        private readonly Parameter b;

        public Unit(long inputs, long dimension)
            : base(nameof(ElmanCell))
        {
            Uh = nn.Parameter(randn(dimension, dimension));
            Wh = nn.Parameter(randn(inputs, dimension));
            b = nn.Parameter(zeros(dimension));
            RegisterComponents();
        }

        /// <summary>The next state (batch, D).</summary>
        /// <param name="input1">x, the input of this step (batch, I).</param>
        /// <param name="input2">h, the state after the step before (batch, D).</param>
        public override Tensor forward(Tensor input1, Tensor input2) =>
            b.addmm(input1, Wh).addmm(input2, Uh).tanh();
    }
}
