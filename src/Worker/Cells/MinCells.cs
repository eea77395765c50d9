using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Worker;

/// <summary>
/// minGRU: z = σ(x·W_zᵀ + b_z), h' = (1 - z)·h + z·g(x·W_hᵀ + b_h), where g(v) = v + ½ for v ≥ 0, else σ(v), keeps
/// states positive for the scan over logarithms. Source: Feng, Tung, Ahmed, Bengio, Hajimirsadeghi, "Were RNNs All We
/// Needed?", 2024, appendix B.
/// </summary>
internal sealed class MinGruCell() : MinCell("mingru", ["linear_z", "linear_h"])
{
    /// <inheritdoc/>
    private protected override MinUnit CreateUnit(long inputs, long dimension) => new Unit(inputs, dimension);

    /// <inheritdoc/>
    internal override Func<int, LayerScan> Scan => dimension => new MinScan(dimension, hasForgetGate: false);

    private sealed class Unit : MinUnit
    {
        private readonly Linear linear_z;
        private readonly Linear linear_h;

        public Unit(long inputs, long dimension)
        {
            linear_z = nn.Linear(inputs, dimension);
            linear_h = nn.Linear(inputs, dimension);
            RegisterComponents();
        }

        public override (Tensor Keep, Tensor Take, Tensor Value) logarithms(Tensor input)
        {
            Tensor gate = linear_z.call(input);
            return (nn.functional.softplus(gate).neg(), nn.functional.softplus(-gate).neg(),
                LogarithmOfValue(linear_h.call(input)));
        }
    }
}

/// <summary>
/// minLSTM: f = σ(x·W_fᵀ + b_f), i = σ(x·W_iᵀ + b_i), h' = (f·h + i·g(x·W_hᵀ + b_h)) / (f + i), with g as in the
/// <see cref="MinGruCell"/>. Source: Feng et al., "Were RNNs All We Needed?", 2024, appendix B.
/// </summary>
internal sealed class MinLstmCell() : MinCell("minlstm", ["linear_f", "linear_i", "linear_h"])
{
    /// <inheritdoc/>
    private protected override MinUnit CreateUnit(long inputs, long dimension) => new Unit(inputs, dimension);

    /// <inheritdoc/>
    internal override Func<int, LayerScan> Scan => dimension => new MinScan(dimension, hasForgetGate: true);

    private sealed class Unit : MinUnit
    {
        private readonly Linear linear_f;
        private readonly Linear linear_i;
        private readonly Linear linear_h;

        public Unit(long inputs, long dimension)
        {
            linear_f = nn.Linear(inputs, dimension);
            linear_i = nn.Linear(inputs, dimension);
            linear_h = nn.Linear(inputs, dimension);
            RegisterComponents();
        }

        public override (Tensor Keep, Tensor Take, Tensor Value) logarithms(Tensor input)
        {
            // log (f / (f + i)) = -softplus(log i - log f), and the same the other way round.
            Tensor difference = Terms.Sum(
                nn.functional.softplus(-linear_f.call(input)), -nn.functional.softplus(-linear_i.call(input)));
            return (nn.functional.softplus(difference).neg(), nn.functional.softplus(-difference).neg(),
                LogarithmOfValue(linear_h.call(input)));
        }
    }
}

/// <summary>What both have: gates and values do not depend on the state, so that all steps of a layer can be computed
/// at once.</summary>
/// <param name="name">What <c>--cell</c> calls it.</param>
/// <param name="linears">Its linear maps, the value's last.</param>
internal abstract class MinCell(string name, string[] linears) : Cell(Declare(name, linears))
{
    /// <inheritdoc/>
    public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension) =>
        CreateUnit(inputs, dimension);

    /// <summary>The parallel scan over logarithms: log h_t = a_t + log Σ e^(b_k - a_k) with a the running sum of the
    /// logarithms of what is kept.</summary>
    /// <inheritdoc cref="Cell.Run"/>
    public override (Tensor Outputs, Tensor State) Run(
        nn.Module<Tensor, Tensor, Tensor> unit, Tensor inputs, Tensor state, long dimension)
    {
        var (keep, take, value) = ((MinUnit)unit).logarithms(inputs);

        // A state of zero has no logarithm; the smallest number there is adds nothing to what comes.
        Tensor first = state.clamp_min(Terms.SmallestNormal).log().unsqueeze(1);
        Tensor kept = cat([zeros_like(first), keep.cumsum(1)], 1);
        Tensor sums = Terms.Sum(cat([first, Terms.Sum(take, value)], 1), -kept).logcumsumexp(1);
        Tensor outputs = Terms.Sum(kept, sums).exp().narrow(1, 1, inputs.size(1));
        return (outputs, outputs.select(1, -1));
    }

    /// <summary>The unit of a layer.</summary>
    private protected abstract MinUnit CreateUnit(long inputs, long dimension);

    private static CellDeclaration Declare(string name, string[] linears) => new(
        name,
        [
            .. linears.SelectMany(linear => new CellParameter[]
            {
                new($"{linear}.weight", (i, d) => [d, i], (i, _) => CellParameter.OfLinear(i)),
                new($"{linear}.bias", (_, d) => [d], (i, _) => CellParameter.OfLinear(i)),
            }),
        ])
    {
        FirstValues = FirstValues.PyTorch,
    };
}

/// <summary>A layer's unit, by the logarithms of what is kept of the state, taken of the value, and of the
/// value.</summary>
internal abstract class MinUnit() : nn.Module<Tensor, Tensor, Tensor>(nameof(MinUnit))
{
    /// <summary>Of inputs (…, I), each (…, D).</summary>
    public abstract (Tensor Keep, Tensor Take, Tensor Value) logarithms(Tensor input);

    /// <summary>The next state (batch, D).</summary>
    public override Tensor forward(Tensor input1, Tensor input2)
    {
        var (keep, take, value) = logarithms(input1);
        return Terms.Sum(keep.exp() * input2, Terms.Sum(take, value).exp());
    }

    /// <summary>log g.</summary>
    protected static Tensor LogarithmOfValue(Tensor value) =>
        where(
            value.ge(Terms.Zero),
            Terms.Sum(value.relu(), full_like(value, Terms.Half)).log(),
            nn.functional.softplus(-value).neg());
}

/// <summary>g of sixteen floats.</summary>
internal readonly struct PositiveValue : IElementaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> x) => Vector512.ConditionalSelect(
        Vector512.LessThan(x, Vector512<float>.Zero), Sigmoid.Of(x), x + Vector512.Create(0.5f));
}

/// <summary>Both by hand: products and functions over all rows, then one pass over the steps.</summary>
/// <param name="dimension">D.</param>
/// <param name="hasForgetGate">Whether it is the minLSTM.</param>
internal sealed unsafe class MinScan(int dimension, bool hasForgetGate) : LayerScan
{
    internal const float SmallestNormal = 1.1754944e-38f;

    private readonly PackedMatrix[] _transposed = Make(hasForgetGate);
    private readonly PackedMatrix[] _weights = Make(hasForgetGate);
    private readonly GrowingBuffer _bias = new();

    /// <summary>Gates and value of each row after their functions, then the gradients before them (gates + 1, R,
    /// D).</summary>
    private readonly GrowingBuffer _values = new();

    private int Maps => _weights.Length;

    /// <inheritdoc/>
    public override void Load(Matrix[] parameters)
    {
        Matrix bias = _bias.AsMatrix(Maps, dimension);
        for (int map = 0; map < Maps; map++)
        {
            _weights[map].Load(parameters[2 * map]);
            _transposed[map].Load(parameters[2 * map].T);
            Lanes.Copy(parameters[(2 * map) + 1].Address, bias.Row(map), dimension);
        }
    }

    /// <inheritdoc/>
    public override void Forward(PackedBatch batch, Matrix inputs, Matrix first, Matrix outputs)
    {
        _values.Reserve(checked(Maps * outputs.Rows * dimension));
        for (int map = 0; map < Maps; map++)
        {
            Matrix values = ValuesOf(map, outputs.Rows);
            MatrixProducts.Multiply(inputs, _transposed[map], values);
            if (map < Maps - 1)
            {
                RowKernels.AddBiasAndApply<Sigmoid>(values, BiasOf(map));
            }
            else
            {
                RowKernels.AddBiasAndApply<PositiveValue>(values, BiasOf(map));
            }
        }

        foreach (var step in StepsOf(batch))
        {
            Matrix before = Before(step, outputs, first);
            for (int row = 0; row < step.Size; row++)
            {
                Advance(
                    step.First + row, outputs, before.Rows > 0 ? before.Row(row) : null);
            }
        }
    }

    /// <inheritdoc/>
    public override void Backward(
        PackedBatch batch,
        Matrix inputs,
        Matrix first,
        Matrix outputs,
        Matrix outputGradient,
        Matrix[] gradients,
        Matrix inputGradient)
    {
        var steps = StepsOf(batch);
        for (int t = steps.Count - 1; t >= 0; t--)
        {
            var step = steps[t];
            Matrix before = Before(step, outputs, first);
            for (int row = 0; row < step.Size; row++)
            {
                GoBack(
                    step.First + row,
                    outputs.Rows,
                    before.Rows > 0 ? before.Row(row) : null,
                    outputGradient.Row(step.First + row),
                    step.IsFirst ? null : outputGradient.Row(step.PreviousFirst + row));
            }
        }

        for (int map = 0; map < Maps; map++)
        {
            Matrix slopes = ValuesOf(map, outputs.Rows);
            MatrixProducts.Multiply(slopes.T, inputs, gradients[2 * map]);
            RowKernels.ColumnSums(slopes, gradients[(2 * map) + 1].Address);
            MatrixProducts.Multiply(slopes, _weights[map], inputGradient, keep: map > 0);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        Array.ForEach(_weights, matrix => matrix.Dispose());
        Array.ForEach(_transposed, matrix => matrix.Dispose());
        _bias.Dispose();
        _values.Dispose();
    }

    private static PackedMatrix[] Make(bool hasForgetGate) =>
        [.. Enumerable.Range(0, hasForgetGate ? 3 : 2).Select(_ => new PackedMatrix())];

    private Matrix ValuesOf(int map, int rows) =>
        new(_values.Address + ((long)map * rows * dimension), rows, dimension);

    private float* BiasOf(int map) => _bias.Address + (map * dimension);

    /// <summary>A row's outputs from its gates and value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Advance(int row, Matrix outputs, float* before)
    {
        float* output = outputs.Row(row);
        float* gate = ValuesOf(0, outputs.Rows).Row(row);
        float* input = ValuesOf(Maps - 2, outputs.Rows).Row(row);
        float* value = ValuesOf(Maps - 1, outputs.Rows).Row(row);
        for (int k = 0; k < dimension; k += Lanes.Count)
        {
            int count = dimension - k;
            var old = before == null ? Vector512<float>.Zero : Lanes.Load(before + k, count);
            var g = Lanes.Load(value + k, count);
            var first = Lanes.Load(gate + k, count);
            if (hasForgetGate)
            {
                var second = Lanes.Load(input + k, count);

                // Where both are shut the smallest number takes the place of nothing, of which there is no share.
                var share = Vector512<float>.One / Vector512.Max(first + second, Vector512.Create(SmallestNormal));
                Lanes.Store((first * share * old) + (second * share * g), output + k, count);
            }
            else
            {
                Lanes.Store(old + (first * (g - old)), output + k, count);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void GoBack(int row, int rows, float* before, float* outputGradient, float* beforeGradient)
    {
        float* gate = ValuesOf(0, rows).Row(row);
        float* input = ValuesOf(Maps - 2, rows).Row(row);
        float* value = ValuesOf(Maps - 1, rows).Row(row);
        var one = Vector512.Create(1f);
        for (int k = 0; k < dimension; k += Lanes.Count)
        {
            int count = dimension - k;
            var old = before == null ? Vector512<float>.Zero : Lanes.Load(before + k, count);
            var slope = Lanes.Load(outputGradient + k, count);
            var g = Lanes.Load(value + k, count);
            var first = Lanes.Load(gate + k, count);
            Vector512<float> kept;
            Vector512<float> ofValue;
            if (hasForgetGate)
            {
                var second = Lanes.Load(input + k, count);
                // Shares are formed first: their divisor's square would overflow where both gates are nearly shut.
                var share = one / Vector512.Max(first + second, Vector512.Create(SmallestNormal));
                var (keep, take) = (first * share, second * share);
                var difference = slope * (old - g) * keep * take;
                (kept, ofValue) = (slope * keep, slope * take);
                Lanes.Store(difference * (one - first), gate + k, count);
                Lanes.Store(-difference * (one - second), input + k, count);
            }
            else
            {
                (kept, ofValue) = (slope * (one - first), slope * first);
                Lanes.Store(slope * (g - old) * first * (one - first), gate + k, count);
            }

            // g is at least a half where its slope is one.
            var isSmall = Vector512.LessThan(g, Vector512.Create(0.5f));
            Lanes.Store(ofValue * Vector512.ConditionalSelect(isSmall, g * (one - g), one), value + k, count);
            if (beforeGradient != null)
            {
                Lanes.Store(Lanes.Load(beforeGradient + k, count) + kept, beforeGradient + k, count);
            }
        }
    }
}
