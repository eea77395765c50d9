namespace RnnLm.Tests;

public unsafe class ElmanScanTests
{
    private static readonly int[][] Lengths = [[2], [5, 5, 5], [2, 6, 3, 6, 4], [.. Enumerable.Range(2, 7)]];

    public static TheoryData<int, int> Cases()
    {
        var cases = new TheoryData<int, int>();
        foreach (int dimension in new[] { 1, 3, 16, 24 })
        {
            for (int lengths = 0; lengths < Lengths.Length; lengths++)
            {
                cases.Add(dimension, lengths);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Outputs_and_gradients_are_those_of_the_formula(int dimension, int lengths)
    {
        // The objective is the sum of coefficient times output, so the coefficients are the gradient of the outputs.
        using var scan = new Scan(dimension, Lengths[lengths]);
        scan.Run();

        Numbers.AssertClose(scan.ReferenceOutputs(scan.Values), scan.Hidden.Span, 1e-6);
        foreach ((string name, FloatBuffer values, FloatBuffer gradient) in scan.Gradients)
        {
            Numbers.AssertClose(scan.FiniteDifferences(name, values), gradient.Span, 1e-5);
        }
    }

    private sealed class Scan : IDisposable
    {
        private readonly int _dimension;
        private readonly PackedBatch _batch = new();
        private readonly FloatBuffer _coefficients;
        private readonly Dictionary<string, FloatBuffer> _gradients;

        public Scan(int dimension, int[] lengths)
        {
            _dimension = dimension;
            int[] starts = [.. Enumerable.Range(0, lengths.Length + 1).Select(i => lengths[..i].Sum())];
            _batch.Pack(new ShardTokens(new int[lengths.Sum()], starts), 1);
            int rows = _batch.RowCount;
            Buffers = new()
            {
                ["Uh"] = Numbers.Uniform(dimension * dimension, 1 / Math.Sqrt(dimension), 1),
                ["Wh"] = Numbers.Uniform(dimension * dimension, 1 / Math.Sqrt(dimension), 2),
                ["b"] = Numbers.Uniform(dimension, 0.5, 3),
                ["x"] = Numbers.Uniform(rows * dimension, 1, 4),
            };
            _gradients = Buffers.ToDictionary(pair => pair.Key, pair => Numbers.Garbage(pair.Value.Length));
            _coefficients = Numbers.Uniform(rows * dimension, 1, 5);
            Hidden = Numbers.Garbage(rows * dimension);
        }

        public FloatBuffer Hidden { get; }

        public Dictionary<string, double[]> Values =>
            Buffers.ToDictionary(pair => pair.Key, pair => pair.Value.ToDouble());

        public IEnumerable<(string Name, FloatBuffer Values, FloatBuffer Gradient)> Gradients =>
            Buffers.Select(pair => (pair.Key, pair.Value, _gradients[pair.Key]));

        private Dictionary<string, FloatBuffer> Buffers { get; }

        public void Run()
        {
            int rows = _batch.RowCount;
            using var room = Numbers.Garbage(rows * _dimension);
            using var transposed = Numbers.Garbage(_dimension * _dimension);
            using var outputGradient = Numbers.Garbage(rows * _dimension);
            _coefficients.Span.CopyTo(outputGradient.Span);
            Matrix inputs = Buffers["x"].AsMatrix(rows, _dimension);
            Matrix hidden = Hidden.AsMatrix(rows, _dimension);

            ElmanScan.Forward(_batch, Weights(Buffers), inputs, hidden);
            ElmanScan.Backward(
                _batch,
                Weights(Buffers),
                inputs,
                hidden,
                outputGradient.AsMatrix(rows, _dimension),
                room.AsMatrix(rows, _dimension),
                transposed.AsMatrix(_dimension, _dimension),
                Weights(_gradients),
                _gradients["x"].AsMatrix(rows, _dimension));
        }

        /// <summary>Outputs in packed row order, computed one sequence at a time.</summary>
        public double[] ReferenceOutputs(Dictionary<string, double[]> values)
        {
            int[] sizes = _batch.BatchSizes.ToArray();
            var outputs = new double[_batch.RowCount * _dimension];
            for (int rank = 0; rank < sizes[0]; rank++)
            {
                int[] rows = [.. Enumerable.Range(0, sizes.Length)
                    .Where(t => rank < sizes[t])
                    .Select(t => sizes[..t].Sum() + rank)];
                double[][] inputs = [.. rows.Select(row => values["x"][(row * _dimension)..((row + 1) * _dimension)])];
                double[][] states = ReferenceLanguageModel.Layer(inputs, values["Uh"], values["Wh"], values["b"]);
                for (int t = 0; t < rows.Length; t++)
                {
                    states[t].CopyTo(outputs, rows[t] * _dimension);
                }
            }

            return outputs;
        }

        public double[] FiniteDifferences(string name, FloatBuffer values)
        {
            const double Step = 1e-5;
            Dictionary<string, double[]> moved = Values;
            var slopes = new double[values.Length];
            for (int i = 0; i < slopes.Length; i++)
            {
                double value = moved[name][i];
                moved[name][i] = value + Step;
                double above = Objective(moved);
                moved[name][i] = value - Step;
                slopes[i] = (above - Objective(moved)) / (2 * Step);
                moved[name][i] = value;
            }

            return slopes;
        }

        public void Dispose()
        {
            var all = Buffers.Values.Concat(_gradients.Values).Append(_coefficients).Append(Hidden);
            foreach (FloatBuffer buffer in all)
            {
                buffer.Dispose();
            }
        }

        private double Objective(Dictionary<string, double[]> values) =>
            ReferenceOutputs(values).Zip(_coefficients.ToDouble(), (output, coefficient) => output * coefficient).Sum();

        private ElmanWeights Weights(Dictionary<string, FloatBuffer> buffers) => new()
        {
            Uh = buffers["Uh"].AsMatrix(_dimension, _dimension),
            Wh = buffers["Wh"].AsMatrix(_dimension, _dimension),
            Bias = buffers["b"].Address,
        };
    }
}
