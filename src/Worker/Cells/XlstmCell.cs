namespace RnnLm.Worker;

/// <summary>
/// xLSTM[1:1]: a layer is an mLSTM block and an sLSTM block behind it. Its state is that of the sLSTM, [y, h, c, n, m],
/// and behind it the matrices C, the vectors n and the numbers m of the mLSTM's heads. Source: Beck et al., "xLSTM:
/// Extended Long Short-Term Memory", 2024, sections 2.2 and 2.3 and appendix A.
/// </summary>
/// <remarks>The blocks go without the convolution that the paper has before gates, q and k.</remarks>
internal sealed class XlstmCell() : Cell(new CellDeclaration("xlstm", [.. MatrixParameters, .. ScalarParameters])
{
    StateWidth = dimension => (ScalarVectors * dimension) + MatrixWidth(dimension),
    FirstValues = FirstValues.PyTorch,
})
{
    private const int MostHeads = 4;
    private const int ScalarVectors = 5;

    private static IEnumerable<CellParameter> MatrixParameters =>
    [
        new("mlstm.norm.weight", (i, _) => [i], (_, _) => (1, 1)),
        new("mlstm.norm.bias", (i, _) => [i], (_, _) => (0, 0)),
        new("mlstm.up.weight", (i, d) => [2 * InnerOf(d), i], (i, _) => CellParameter.OfLinear(i)),
        OfEachHead("mlstm.q"),
        OfEachHead("mlstm.k"),
        OfEachHead("mlstm.v"),
        OfInner("mlstm.take.weight", d => [HeadsOf(InnerOf(d)), InnerOf(d)]),
        new("mlstm.take.bias", (_, d) => [HeadsOf(InnerOf(d))], (_, _) => (0, 0)),
        OfInner("mlstm.keep.weight", d => [HeadsOf(InnerOf(d)), InnerOf(d)]),
        new("mlstm.keep.bias", (_, d) => [HeadsOf(InnerOf(d))], (_, _) => (3, 6)),
        new("mlstm.skip", (_, d) => [InnerOf(d)], (_, _) => (1, 1)),
        new("mlstm.head_norm.weight", (_, d) => [InnerOf(d)], (_, _) => (1, 1)),
        new("mlstm.head_norm.bias", (_, d) => [InnerOf(d)], (_, _) => (0, 0)),
        OfInner("mlstm.down.weight", d => [d, InnerOf(d)]),
    ];

    private static IEnumerable<CellParameter> ScalarParameters =>
    [
        new("slstm.norm.weight", (_, d) => [d], (_, _) => (1, 1)),
        new("slstm.norm.bias", (_, d) => [d], (_, _) => (0, 0)),
        new("slstm.W", (_, d) => [4 * d, d]),
        new("slstm.R", (_, d) => [HeadsOf(d), d / HeadsOf(d), 4 * d / HeadsOf(d)]),
        new("slstm.b", (_, d) => [4 * d], (_, _) => (0, 0)),
        new("slstm.head_norm.weight", (_, d) => [d], (_, _) => (1, 1)),
        new("slstm.head_norm.bias", (_, d) => [d], (_, _) => (0, 0)),
        new("slstm.up_norm.weight", (_, d) => [d], (_, _) => (1, 1)),
        new("slstm.up_norm.bias", (_, d) => [d], (_, _) => (0, 0)),
        new("slstm.gate.weight", (_, d) => [UpOf(d), d]),
        new("slstm.up.weight", (_, d) => [UpOf(d), d]),
        new("slstm.down.weight", (_, d) => [d, UpOf(d)]),
    ];

    /// <inheritdoc/>
    public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension) =>
        new Unit(inputs, dimension);

    /// <summary>The mLSTM sees all steps at once, the sLSTM one after the other.</summary>
    /// <inheritdoc/>
    public override (Tensor Outputs, Tensor State) Run(
        nn.Module<Tensor, Tensor, Tensor> unit, Tensor inputs, Tensor state, long dimension) =>
        ((Unit)unit).run(inputs, state);

    /// <summary>Of a linear map of each head's part of U values.</summary>
    private static CellParameter OfEachHead(string name) =>
        new(name, (_, d) => OfHeads(InnerOf(d)), (_, d) => CellParameter.OfLinear(OfHeads(InnerOf(d))[1]));

    /// <summary>Of a linear map of U values.</summary>
    private static CellParameter OfInner(string name, Func<long, long[]> shape) =>
        new(name, (_, d) => shape(d), (_, d) => CellParameter.OfLinear(InnerOf(d)));

    private static long HeadsOf(long dimension) => dimension % MostHeads == 0 ? MostHeads : 1;

    /// <summary>U, the width inside an mLSTM block.</summary>
    private static long InnerOf(long dimension) => 2 * dimension;

    /// <summary>Width behind the sLSTM block's up projection, 4/3 of D.</summary>
    private static long UpOf(long dimension) => Math.Max(1, 4 * dimension / 3);

    /// <summary>A square matrix a head.</summary>
    private static long[] OfHeads(long inner) => [HeadsOf(inner), inner / HeadsOf(inner), inner / HeadsOf(inner)];

    /// <summary>Values of the state of an mLSTM block.</summary>
    private static long MatrixWidth(long dimension)
    {
        long inner = InnerOf(dimension);
        return (inner * inner / HeadsOf(inner)) + inner + HeadsOf(inner);
    }

    private sealed class Unit : nn.Module<Tensor, Tensor, Tensor>
    {
        private readonly MatrixBlock mlstm;
        private readonly ScalarBlock slstm;
        private readonly long _scalarWidth;

        public Unit(long inputs, long dimension)
            : base(nameof(XlstmCell))
        {
            _scalarWidth = ScalarVectors * dimension;
            mlstm = new MatrixBlock(inputs, dimension);
            slstm = new ScalarBlock(dimension);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input1, Tensor input2) => run(input1.unsqueeze(1), input2).State;

        public (Tensor Outputs, Tensor State) run(Tensor inputs, Tensor state)
        {
            var (between, matrices) = mlstm.run(
                inputs, state.narrow(1, _scalarWidth, state.size(1) - _scalarWidth));
            Tensor scalars = state.narrow(1, 0, _scalarWidth);
            var outputs = new Tensor[inputs.size(1)];
            for (int step = 0; step < outputs.Length; step++)
            {
                scalars = slstm.call(between.select(1, step), scalars);
                outputs[step] = scalars.narrow(1, 0, between.size(2));
            }

            return (stack(outputs, 1), cat([scalars, matrices], 1));
        }
    }

    /// <summary>
    /// [u, z] = LayerNorm(x)·W_upᵀ; each head has of its part of u q, k and v, and of u the numbers i and f, and
    /// C' = σ(f)·C + eⁱ·k vᵀ/√S, n' = σ(f)·n + eⁱ·k/√S, h = q·C' / max(|q·n'|, 1), where S is the width of a head;
    /// then y = x + ((GroupNorm(h) + skip·u)·SiLU(z))·W_downᵀ. Where x is not as wide as y, y goes without it.
    /// </summary>
    private sealed class MatrixBlock : nn.Module
    {
        private readonly LayerNorm norm;
        private readonly Linear up;
        private readonly Parameter q;
        private readonly Parameter k;
        private readonly Parameter v;
        private readonly Linear take;
        private readonly Linear keep;
        private readonly Parameter skip;
        private readonly GroupNorm head_norm;
        private readonly Linear down;
        private readonly long _heads;
        private readonly long _size;
        private readonly bool _isResidual;
        private readonly Scalar _scale;

        public MatrixBlock(long inputs, long dimension)
            : base(nameof(MatrixBlock))
        {
            long inner = InnerOf(dimension);
            _heads = HeadsOf(inner);
            _size = inner / _heads;
            _isResidual = inputs == dimension;
            _scale = 1 / Math.Sqrt(_size);
            norm = nn.LayerNorm(inputs);
            up = nn.Linear(inputs, 2 * inner, hasBias: false);
            (q, k, v) = (OfHeads(), OfHeads(), OfHeads());
            take = nn.Linear(inner, _heads);
            keep = nn.Linear(inner, _heads);
            skip = nn.Parameter(zeros(inner));
            head_norm = nn.GroupNorm(_heads, inner);
            down = nn.Linear(inner, dimension, hasBias: false);
            RegisterComponents();
            Parameter OfHeads() => nn.Parameter(zeros(XlstmCell.OfHeads(inner)));
        }

        /// <summary>
        /// All steps at once: with F the running sum of log σ(f), step s is in the memory of step t by the factor
        /// e^(F_t - F_s + i_s), and what was there before by e^(F_t). All of them are divided by their largest, e^m.
        /// </summary>
        public (Tensor Outputs, Tensor State) run(Tensor inputs, Tensor state)
        {
            var (batch, time) = (inputs.size(0), inputs.size(1));
            long inner = _heads * _size;
            Tensor memory = state.narrow(1, 0, inner * _size).reshape(batch, _heads, _size, _size);
            Tensor count = state.narrow(1, inner * _size, inner).reshape(batch, _heads, _size);
            Tensor largest = state.narrow(1, (inner * _size) + inner, _heads);

            Tensor[] branches = up.call(norm.call(inputs)).chunk(2, 2);
            Tensor value = branches[0].reshape(batch, time, _heads, _size).transpose(1, 2);
            var (queries, keys, values) = (value.matmul(q), value.matmul(k) * _scale, value.matmul(v));
            Tensor kept = nn.functional.logsigmoid(keep.call(branches[0])).transpose(1, 2).cumsum(2);
            Tensor taken = Terms.Sum(take.call(branches[0]).transpose(1, 2), -kept);
            Tensor before = Terms.Sum(kept, largest.unsqueeze(2).expand(-1, -1, time));
            Tensor exponents = Terms.Sum(
                kept.unsqueeze(3).expand(-1, -1, -1, time), taken.unsqueeze(2).expand(-1, -1, time, -1));
            exponents = exponents.masked_fill(
                ones([time, time], ScalarType.Bool, inputs.device).triu(1), Terms.NegativeInfinity);

            // Whatever m is cancels, so it has no gradient.
            Tensor scale = maximum(exponents.amax([3]), before).detach();
            Tensor weights = Terms.Sum(exponents, -scale.unsqueeze(3).expand(-1, -1, -1, time)).exp();
            Tensor old = Terms.Sum(before, -scale).exp().unsqueeze(3);
            Tensor scores = queries.matmul(keys.transpose(2, 3)) * weights;
            Tensor sums = Terms.Sum(scores.matmul(values), queries.matmul(memory) * old);
            Tensor norms = Terms.Sum(scores.sum(3), (queries.matmul(count.unsqueeze(3)) * old).squeeze(3));
            Tensor heads = sums / maximum(norms.abs(), (-scale).exp()).unsqueeze(3);

            Tensor flat = heads.transpose(1, 2).reshape(batch * time, inner, 1);
            Tensor normal = head_norm.call(flat).reshape(batch, time, inner);
            Tensor output = down.call(Terms.Sum(normal, branches[0] * skip) * nn.functional.silu(branches[1]));

            Tensor last = old.select(2, -1);
            Tensor added = keys * weights.select(2, -1).unsqueeze(3);
            memory = Terms.Sum(memory * last.unsqueeze(3), added.transpose(2, 3).matmul(values));
            count = Terms.Sum(count * last, added.sum(2));
            Tensor[] next = [memory.flatten(1), count.flatten(1), scale.select(2, -1)];
            return (_isResidual ? Terms.Sum(inputs, output) : output, cat(next, 1));
        }
    }

    /// <summary>
    /// With u = LayerNorm(x) and heads that see only their own part of h, [z, i, f, o] = u·Wᵀ + h·R + b,
    /// m' = max(f + m, i), c' = e^(f + m - m')·c + e^(i - m')·tanh(z), n' = e^(f + m - m')·n + e^(i - m'),
    /// h' = σ(o)·c'/n'; then v = x + GroupNorm(h') and
    /// y = v + (GELU(LayerNorm(v)·W_gᵀ)·(LayerNorm(v)·W_uᵀ))·W_dᵀ. The forget gate is exponential.
    /// </summary>
    private sealed class ScalarBlock : nn.Module<Tensor, Tensor, Tensor>
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

        public ScalarBlock(long dimension)
            : base(nameof(ScalarBlock))
        {
            _heads = HeadsOf(dimension);
            norm = nn.LayerNorm(dimension);
            W = nn.Parameter(zeros(4 * dimension, dimension));
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
            Tensor[] old = input2.chunk(ScalarVectors, 1);
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

            Tensor value = Terms.Sum(input1, head_norm.call(hidden.unsqueeze(2)).squeeze(2));
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
