namespace RnnLm.Tests;

public sealed class Cells_that_a_program_registers
{
    private static readonly ModelSettings s_small =
        new(VocabularySize: 5, Dimension: 3, Layers: 2, PaddingId: 0, CoupledGateCell.Registered);
    private static readonly ShardTokens s_shard = new([1, 2, 3, 4, 2, 1, 0, 3, 4, 2, 2], [0, 5, 9, 11]);

    [Fact]
    public void Are_laid_out_as_declared()
    {
        var layout = ParameterLayout.For(s_small);
        Assert.Equal(
            [
                "embedding.weight",
                "rnn.rnn_units.0.W", "rnn.rnn_units.0.b", "rnn.rnn_units.1.W", "rnn.rnn_units.1.b",
                "fc.weight", "fc.bias",
            ],
            layout.Segments.Select(segment => segment.Name));
        Assert.Equal(
            ["5,3", "6,6", "6", "6,6", "6", "5,3", "5"],
            layout.Segments.Select(segment => string.Join(",", segment.Shape)));
        Assert.Equal((5 * 3) + (2 * (36 + 6)) + (5 * 3) + 5, layout.Length);
    }

    [Fact]
    public void Begin_in_the_range_that_they_declare()
    {
        var model = s_small with { Dimension = 100 };
        var layout = ParameterLayout.For(model);
        float[] values = new float[layout.Length];
        ParameterInitialization.Fill(model, seed: 1, values);
        float[] bias = values[layout.OfCell(1, 1).Offset..layout.OfCell(1, 1).End];
        Assert.InRange(bias.Min(), -1, -0.95f);
        Assert.InRange(bias.Max(), 0.45f, 0.5f);
        float[] matrix = values[layout.OfCell(1, 0).Offset..layout.OfCell(1, 0).End];
        double xavier = Math.Sqrt(6.0 / 400);
        Assert.InRange(matrix.Max(), 0.99 * xavier, xavier);
    }

    [Fact]
    public void Have_the_loss_of_their_formula_and_its_slopes_as_gradient()
    {
        var layout = ParameterLayout.For(s_small);
        var reference = new ReferenceLanguageModel(s_small, CoupledGateCell.Reference);
        using var pool = new FloatBufferPool(layout.Length);
        var version = Parameters(s_small, pool);
        using var replica = Cells.Of(s_small).CreateReplica(s_small, "cpu");
        using var gradient = new Gradient(layout);
        replica.ComputeGradient(version, s_shard, gradient);

        double[] values = version.Values.ToDouble();
        Assert.Equal(8, gradient.TokenCount);
        Assert.Equal(reference.Loss(values, s_shard), gradient.LossSum, 1e-5);
        Assert.Equal(gradient.LossSum, replica.ComputeLoss(version, s_shard), 1e-5);
        Numbers.AssertClose(reference.Slopes(values, s_shard), gradient.ToFlat(), 1e-5);
        version.Release();
    }

    [Fact]
    public async Task Give_the_same_model_for_any_workers_and_threads()
    {
        var model = SmallJob.Model with { Cell = CoupledGateCell.Registered };
        var (hashes, events) = await SmallJob.TrainAsync(workers: 1, threads: 1, model: model);
        Assert.Equal(SmallJob.Steps, events.OfType<StepCommitted>().Count());
        Assert.NotEqual(hashes[0], hashes[1]);
        foreach (var (workers, threads) in new[] { (1, 2), (2, 1), (3, 2) })
        {
            var (other, _) = await SmallJob.TrainAsync(workers, threads, model: model);
            Assert.Equal(hashes, other);
        }
    }

    [Fact]
    public async Task Go_on_from_a_checkpoint_to_the_same_bits()
    {
        var model = SmallJob.Model with { Cell = CoupledGateCell.Registered };
        var (hashes, _) = await SmallJob.TrainAsync(workers: 1, threads: 1, model: model);
        using var run = new TestRun();
        var (half, _) = await SmallJob.TrainAsync(workers: 1, threads: 1, model: model, run: run, steps: 3);
        Assert.NotEqual(hashes[1], half[1]);
        run.Reopen();
        var (whole, events) = await SmallJob.TrainAsync(workers: 2, threads: 1, model: model, run: run);
        Assert.Equal([3L, 4, 5], events.OfType<StepCommitted>().Select(step => step.Step));
        Assert.Equal(hashes[1], whole[^1]);
    }

    [Fact]
    public void Have_a_self_test_of_their_own()
    {
        var elman = s_small with { Cell = CellDeclaration.DefaultName };
        using var replica = Cells.Of(s_small).CreateReplica(s_small, "cpu");
        using var other = Cells.Of(elman).CreateReplica(elman, "cpu");
        var test = new SelfTest(s_small);
        string hash = test.Run(replica);
        Assert.Equal(hash, test.Run(replica));
        Assert.NotEqual(hash, new SelfTest(elman).Run(other));
    }

    [Fact]
    public void Generate_token_by_token_what_the_whole_text_predicts()
    {
        var settings = s_small with { VocabularySize = 29, Dimension = 8 };
        var layout = ParameterLayout.For(settings);
        using var parameters = Numbers.Uniform(layout.Length, 2, 3);
        using var generator = new TextGenerator(settings, parameters.Span);
        using var model = new RnnLanguageModel(settings);
        FlatParameters.Load(model, layout, parameters.Span);
        var sampler = new TokenSampler(temperature: 1, topK: 0, seed: 1);
        List<int> drawn = [.. generator.Continue([1, 2], sampler).Take(8)];

        using var unrecorded = no_grad();
        using var scope = NewDisposeScope();
        List<long> text = [1, 2];
        float[] logits = new float[settings.VocabularySize];
        for (int i = 0; i < drawn.Count; i++)
        {
            FlatParameters.CopyOut(model.call(tensor(text.ToArray()).unsqueeze(0)).select(1, text.Count - 1), logits);
            Assert.Equal(sampler.Draw(logits, i, settings.PaddingId, TokenSampler.StreamOf([1, 2])), drawn[i]);
            text.Add(drawn[i]);
        }

        Assert.True(drawn.Distinct().Count() > 2, string.Join(' ', drawn));
        Assert.Equal([2, 1, 16], model.step(tensor(new long[] { 1 }), null).states.shape);
    }

    [Fact]
    public void Are_refused_with_the_reason_where_they_cannot_be()
    {
        static CellDeclaration Named(string name) => new(name, []);
        static CellDeclaration With(params CellParameter[] parameters) => new("toy", parameters);
        static CellDeclaration Registered(string name)
        {
            Cells.Register(new Odd(name));
            return CellDeclaration.Of(name);
        }

        (Func<CellDeclaration> Declare, string Why)[] refused =
        [
            (() => Named("GRU"), "'GRU' cannot name a cell"),
            (() => Named(""), "'' cannot name a cell"),
            (() => Named("a,b"), "'a,b' cannot name a cell"),
            (() => Named(new string('a', 65)), "up to 64"),
            (() => With(new CellParameter("a/b", (_, d) => [d])), "'a/b' cannot name a parameter of cell toy"),
            (() => With(new CellParameter("a..b", (_, d) => [d])), "'a..b' cannot name a parameter"),
            (() => With(new("a", (_, d) => [d]), new("a", (_, d) => [d])), "cell toy has two parameters a"),
            (() => With(new CellParameter("a", (_, _) => [])), "parameter a of cell toy has no shape"),
            (() => With(new CellParameter("a", (_, d) => [d, 0])), "parameter a of cell toy has no shape"),
            (() => new CellDeclaration("toy", []) { StateWidth = d => d - 1 }, "state of cell toy is narrower"),
            (() => Registered(CellDeclaration.DefaultName), "cell elman is registered already"),
            (() => Registered(CoupledGateCell.Registered), "cell coupled-gate is registered already"),
        ];
        Assert.All(
            refused, it => Assert.Contains(it.Why, Assert.ThrowsAny<ArgumentException>(() => it.Declare()).Message));

        // The same one once more is no other.
        Cells.Register(Cells.Of(s_small));
    }

    [Fact]
    public void Are_refused_where_the_module_has_other_parameters()
    {
        Cells.Register(new Odd("misdeclared"));
        var error = Assert.Throws<RnnLmException>(
            () => new PlainReplica(s_small with { Cell = "misdeclared", Layers = 1 }, "cpu"));
        Assert.Contains("cell misdeclared", error.Message);
        Assert.Contains("rnn.rnn_units.0.a (3), rnn.rnn_units.0.weight (3, 3);", error.Message);
    }

    [Fact]
    public void Are_not_computed_by_the_fast_paths_of_another()
    {
        Assert.IsType<PlainReplica>(Cells.Of(s_small).CreateReplica(s_small, "cpu"));
        Assert.Throws<ArgumentException>(() => new FusedReplica(s_small));
        Assert.Throws<ArgumentException>(() => new CudaReplica(s_small, "cpu"));
    }

    [Fact]
    public void That_are_missing_or_do_not_fit_the_dimension_are_named()
    {
        var missing = Assert.Throws<RnnLmException>(() => ParameterLayout.For(s_small with { Cell = "missing" }));
        Assert.Equal(ExitCode.BadInput, missing.ExitCode);
        Assert.Contains("no cell 'missing', only ", missing.Message);
        Cells.Register(new Odd("halves", (_, d) => [d / 2]));
        Assert.Equal(2, ParameterLayout.For(s_small with { Cell = "halves", Dimension = 4 }).OfCell(0, 0).Length);
        var unfit = Assert.Throws<RnnLmException>(
            () => ParameterLayout.For(s_small with { Cell = "halves", Dimension = 1 }));
        Assert.Equal(ExitCode.Usage, unfit.ExitCode);
        Assert.Contains("cannot have dimension 1", unfit.Message);
        var large = Assert.Throws<RnnLmException>(() => ParameterLayout.For(s_small with { Dimension = 1 << 20 }));
        Assert.Contains("more than 2147483647 parameters", large.Message);
    }

    private static ParameterVersion Parameters(ModelSettings model, FloatBufferPool pool)
    {
        var values = pool.Rent();
        ParameterInitialization.Fill(model, seed: 3, values.Span);
        return new ParameterVersion(0, new CountedBuffer(values, pool));
    }

    /// <summary>A cell whose module, does not have the parameter that it declares.</summary>
    private sealed class Odd(string name, Func<long, long, long[]>? shape = null)
        : Cell(new CellDeclaration(name, [new("a", shape ?? ((_, d) => [d]))]))
    {
        public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension) =>
            new Unit(dimension);

        private sealed class Unit : nn.Module<Tensor, Tensor, Tensor>
        {
            private readonly TorchSharp.Modules.Parameter weight;

            public Unit(long dimension)
                : base(nameof(Unit))
            {
                weight = nn.Parameter(zeros(dimension, dimension));
                RegisterComponents();
            }

            public override Tensor forward(Tensor x, Tensor state) => x.matmul(weight) + state;
        }
    }
}
