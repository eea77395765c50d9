namespace RnnLm.Worker;

/// <summary>
/// xLSTM's sLSTM block: with u = LayerNorm(x) and heads that see only their own part of h,
/// [z, i, f, o] = u·Wᵀ + h·R + b, m' = max(f + m, i), c' = e^(f + m - m')·c + e^(i - m')·tanh(z),
/// n' = e^(f + m - m')·n + e^(i - m'), h' = σ(o)·c'/n'; then v = x + GroupNorm(h') and
/// y = v + (GELU(LayerNorm(v)·W_gᵀ)·(LayerNorm(v)·W_uᵀ))·W_dᵀ. Where x is not as wide as y, v goes without it. Its
/// state is [y, h, c, n, m]. Source: Beck et al., "xLSTM: Extended Long Short-Term Memory", 2024, section 2.2 and
/// appendix A.
/// </summary>
/// <remarks>The forget gate is exponential, and the block goes without the optional convolution. The mLSTM block, whose
/// memory is a matrix, is not here.</remarks>
internal sealed class XlstmCell() : Cell(new CellDeclaration(
    "xlstm",
    [
        new("norm.weight", (i, _) => [i], (_, _) => (1, 1)),
        new("norm.bias", (i, _) => [i], (_, _) => (0, 0)),
        new("W", (i, d) => [4 * d, i], (i, _) => (-1 / Math.Sqrt(i), 1 / Math.Sqrt(i))),
        new("R", (_, d) => [HeadsOf(d), d / HeadsOf(d), 4 * d / HeadsOf(d)]),
        new("b", (_, d) => [4 * d], (_, _) => (0, 0)),
        new("head_norm.weight", (_, d) => [d], (_, _) => (1, 1)),
        new("head_norm.bias", (_, d) => [d], (_, _) => (0, 0)),
        new("up_norm.weight", (_, d) => [d], (_, _) => (1, 1)),
        new("up_norm.bias", (_, d) => [d], (_, _) => (0, 0)),
        new("gate.weight", (_, d) => [UpOf(d), d]),
        new("up.weight", (_, d) => [UpOf(d), d]),
        new("down.weight", (_, d) => [d, UpOf(d)]),
    ],
    stateVectors: 5)
{
    FirstValues = FirstValues.PyTorch,
})
{
    private const int MostHeads = 4;

    /// <inheritdoc/>
    public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension) =>
        new Unit(inputs, dimension);

    private static long HeadsOf(long dimension) => dimension % MostHeads == 0 ? MostHeads : 1;

    /// <summary>Width behind the up projection, 4/3 of D.</summary>
    private static long UpOf(long dimension) => Math.Max(1, 4 * dimension / 3);

    private sealed class Unit : nn.Module<Tensor, Tensor, Tensor>
    {
        private readonly LayerNorm norm;
        private readonly Parameter W;
        private readonly Parameter R;
        private readonly Parameter b;
        private readonly GroupNorm head_norm;
        private readonly LayerNorm up_norm;
        private readonly Linear gate;
        private readonly Linear up;
        private readonly Linear down;
        private readonly long _heads;
        private readonly bool _isResidual;

        public Unit(long inputs, long dimension)
            : base(nameof(XlstmCell))
        {
            _heads = HeadsOf(dimension);
            _isResidual = inputs == dimension;
            norm = nn.LayerNorm(inputs);
            W = nn.Parameter(zeros(4 * dimension, inputs));
            R = nn.Parameter(zeros(_heads, dimension / _heads, 4 * dimension / _heads));
            b = nn.Parameter(zeros(4 * dimension));
            head_norm = nn.GroupNorm(_heads, dimension);
            up_norm = nn.LayerNorm(dimension);
            gate = nn.Linear(dimension, UpOf(dimension), hasBias: false);
            up = nn.Linear(dimension, UpOf(dimension), hasBias: false);
            down = nn.Linear(UpOf(dimension), dimension, hasBias: false);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input1, Tensor input2)
        {
            Tensor[] old = input2.chunk(5, 1);
            var (hidden, cell, count, largest) = (old[1], old[2], old[3], old[4]);
            Tensor[] sums = Terms.Sum(nn.functional.linear(norm.call(input1), W, b), OfHeads(hidden)).chunk(4, 1);

            // At the beginning nothing is kept, whatever the gate says: the first input gate sets the scale.
            Tensor kept = where(
                count.eq(Terms.Zero), full_like(largest, Terms.NegativeInfinity), Terms.Sum(sums[2], largest));
            Tensor nextLargest = maximum(kept, sums[1]);
            Tensor keep = Terms.Sum(kept, -nextLargest).exp();
            Tensor take = Terms.Sum(sums[1], -nextLargest).exp();
            cell = Terms.Sum(keep * cell, take * sums[0].tanh());
            count = Terms.Sum(keep * count, take);
            hidden = sums[3].sigmoid() * cell / count;

            Tensor value = head_norm.call(hidden.unsqueeze(2)).squeeze(2);
            value = _isResidual ? Terms.Sum(input1, value) : value;
            Tensor normal = up_norm.call(value);
            Tensor output = Terms.Sum(value, down.call(nn.functional.gelu(gate.call(normal)) * up.call(normal)));
            return cat([output, hidden, cell, count, nextLargest], 1);
        }

        /// <summary>h·R, each head's part by its own matrix, gate beside gate (batch, 4·D).</summary>
        private Tensor OfHeads(Tensor hidden)
        {
            long batch = hidden.size(0);
            Tensor byHead = hidden.reshape(batch, _heads, -1).transpose(0, 1).bmm(R);
            return byHead.reshape(_heads, batch, 4, -1).permute(1, 2, 0, 3).reshape(batch, -1);
        }
    }
}
