using System.Globalization;

namespace RnnLm.Tests;

/// <summary>Every cell of the program, as its paper or PyTorch's documentation defines it.</summary>
public sealed class Cells_of_the_texts
{
    private static readonly ShardTokens s_shard = new([1, 2, 3, 4, 2, 1, 0, 3, 4, 2, 2, 1, 4], [0, 5, 9, 11, 13]);

    public static TheoryData<string> Names => [.. ReferenceCells.All.Keys];

    public static TheoryData<string> WithLayersOfLibtorch =>
        [.. ReferenceCells.All.Keys.Where(name => name is "rnn" or "rnn-relu" or "lstm" or "gru")];

    [Fact]
    public void Are_those_that_the_reference_has() => Assert.Equal(
        ReferenceCells.All.Keys.Order(StringComparer.Ordinal),
        Cells.Names.Where(name =>
            Cells.Of(new ModelSettings(2, 8, 1, -1, name)).GetType().Assembly == typeof(Cell).Assembly));

    [Theory]
    [MemberData(nameof(Names))]
    public void Have_the_loss_of_their_formula_and_its_slopes_as_gradient(string cell)
    {
        ModelSettings[] models =
        [
            new(VocabularySize: 5, Dimension: 8, Layers: 2, PaddingId: 0, cell),
            new(VocabularySize: 5, Dimension: 3, Layers: 1, PaddingId: -1, cell, Embedding: 4),
            new(VocabularySize: 5, Dimension: 18, Layers: 1, PaddingId: -1, cell, Embedding: 2),
            new(VocabularySize: 5, Dimension: 8, Layers: 2, PaddingId: -1, cell, Tied: true),
        ];
        foreach (var model in models)
        {
            var layout = ParameterLayout.For(model);
            var reference = new ReferenceLanguageModel(model);
            using var pool = new FloatBufferPool(layout.BufferLength);
            var version = Parameters(model, pool);
            double[] values = version.Values.ToDouble();
            double[] slopes = reference.Slopes(values, s_shard);
            IReplica[] replicas = [Cells.Of(model).CreateReplica(model, "cpu"), new PlainReplica(model, "cpu")];
            foreach (var replica in replicas)
            {
                using var gradient = new Gradient(layout);
                replica.ComputeGradient(version, s_shard, gradient);
                Assert.Equal(9, gradient.TokenCount);
                Assert.Equal(reference.Loss(values, s_shard), gradient.LossSum, 2e-5);
                Assert.Equal(gradient.LossSum, replica.ComputeLoss(version, s_shard), 2e-5);
                Numbers.AssertClose(slopes, gradient.ToFlat(), 3e-5);
                replica.Dispose();
            }

            version.Release();
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Go_on_from_a_state_as_if_the_text_had_not_been_cut(string cell)
    {
        var model = new ModelSettings(VocabularySize: 11, Dimension: 8, Layers: 2, PaddingId: -1, cell, CarriedRows: 3);
        var whole = model with { CarriedRows = 0 };
        int[][] texts = [Numbers.Ids(17, 11, 1), Numbers.Ids(17, 11, 2), Numbers.Ids(17, 11, 3)];
        var layout = ParameterLayout.For(model);
        using var pool = new FloatBufferPool(layout.BufferLength);
        using var gradient = new Gradient(layout);
        using var plain = new PlainReplica(whole, "cpu");
        var version = Parameters(model, pool);
        double expected = texts.Sum(text => plain.ComputeLoss(
            ParametersOf(version, whole), new ShardTokens(text, [0, text.Length])));
        foreach (var replica in new[] { Cells.Of(model).CreateReplica(model, "cpu"), new PlainReplica(model, "cpu") })
        {
            var before = version.Retain();
            double loss = 0;
            for (int first = 0; first < 16; first += 8)
            {
                // Two shards, of two rows and of one, each with the states of its own rows.
                var after = pool.Rent();
                before.Values.Span.CopyTo(after.Span);
                foreach (var (row, count) in new[] { (0, 2), (2, 1) })
                {
                    var shard = new ShardTokens(
                        [.. texts.Skip(row).Take(count).SelectMany(text => text[first..(first + 9)])],
                        [.. Enumerable.Range(0, count + 1).Select(i => 9 * i)])
                    {
                        FirstExample = row,
                    };
                    replica.ComputeGradient(before, shard, gradient);
                    loss += gradient.LossSum;
                    for (int other = 0; other < 3; other++)
                    {
                        var states = gradient.Dense.Span.Slice(
                            layout.StateOf(other) - layout.DenseStart, layout.StateWidth);
                        bool isOfShard = other >= row && other < row + count;
                        Assert.Equal(isOfShard, states.ContainsAnyExcept(0f));
                        if (isOfShard)
                        {
                            states.CopyTo(after.Span.Slice(layout.StateOf(other), layout.StateWidth));
                        }
                    }
                }

                before.Release();
                before = new ParameterVersion(first, new CountedBuffer(after, pool));
            }

            Assert.Equal(expected, loss, 1e-4);
            before.Release();
            replica.Dispose();
        }

        version.Release();
    }

    /// <summary>Twice the largest dimension squared is no 64-bit number any more.</summary>
    [Fact]
    public void Whose_states_fit_no_buffer_are_refused_for_what_does_not_fit()
    {
        var large = new ModelSettings(5, 2048, 2, PaddingId: -1, "xlstm", CarriedRows: 256);
        Assert.True(ParameterLayout.CountOf(large) < int.MaxValue);
        Assert.Contains(
            "a smaller --batch", Assert.Throws<RnnLmException>(() => ParameterLayout.For(large)).Message,
            StringComparison.Ordinal);
        var vast = large with { Dimension = 1_518_500_250, CarriedRows = 1 << 20 };
        Assert.True(ParameterLayout.BufferCountOf(vast) > int.MaxValue);
        Assert.Contains(
            "a smaller --dimension", Assert.Throws<RnnLmException>(() => ParameterLayout.For(vast)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Lose_the_same_on_a_text_however_it_is_cut(string cell)
    {
        var model = new ModelSettings(VocabularySize: 7, Dimension: 8, Layers: 2, PaddingId: -1, cell);
        var layout = ParameterLayout.For(model);
        using var pool = new FloatBufferPool(layout.BufferLength);
        var version = Parameters(model, pool);
        var reference = new ReferenceLanguageModel(model);
        int[] text = Numbers.Ids(61, 7, 9);
        double expected = reference.Loss(version.Values.ToDouble(), new ShardTokens(text, [0, text.Length]));
        foreach (var replica in new[] { Cells.Of(model).CreateReplica(model, "cpu"), new PlainReplica(model, "cpu") })
        {
            double loss = 0;
            float[] state = [];
            foreach (var (first, end) in new[] { (0, 2), (1, 31), (30, 60), (59, 61) })
            {
                var piece = new ShardTokens(text[first..end], [0, end - first]);
                (double ofPiece, state) = replica.ComputeLoss(version, piece, state);
                loss += ofPiece;
            }

            Assert.Equal(expected, loss, expected * 1e-5);
            replica.Dispose();
        }

        version.Release();
    }

    [Theory]
    [MemberData(nameof(WithLayersOfLibtorch))]
    public void Have_PyTorchs_names_and_first_values(string cell)
    {
        var model = new ModelSettings(VocabularySize: 5, Dimension: 19, Layers: 2, PaddingId: -1, cell, Embedding: 7);
        var layout = ParameterLayout.For(model);
        float[] values = new float[layout.Length];
        foreach (long seed in new[] { 1L, 12345678901 })
        {
            ParameterInitialization.Fill(model, seed, values);
            manual_seed(seed);
            using nn.Module module = cell switch
            {
                "lstm" => nn.LSTM(7, 19, 2),
                "gru" => nn.GRU(7, 19, 2),
                _ => nn.RNN(7, 19, 2),
            };
            var ours = layout.Segments.Where(segment => segment.Name.StartsWith("rnn.", StringComparison.Ordinal));
            Assert.Equal(
                module.named_parameters().Select(entry => $"rnn.{entry.name}"), ours.Select(segment => segment.Name));
            Assert.All(ours, segment =>
            {
                float[] expected = new float[segment.Length];
                FlatParameters.CopyOut(module.get_parameter(segment.Name["rnn.".Length..])!, expected);
                Assert.Equal(expected, values[segment.Offset..segment.End]);
            });
        }
    }

    [Theory]
    [InlineData("mingru")]
    [InlineData("minlstm")]
    [InlineData("xlstm")]
    public void Give_for_all_steps_at_once_what_one_after_the_other_gives(string name)
    {
        using var scope = NewDisposeScope();
        var cell = Cells.Of(new ModelSettings(2, 6, 1, -1, name));
        long width = cell.Declaration.StateWidth(6);
        using var unit = cell.CreateModule(5, 6);
        manual_seed(3);
        foreach (var parameter in unit.parameters())
        {
            using var _ = no_grad();
            parameter.normal_(0, 0.5);
        }

        Tensor inputs = randn(4, 50, 5) * 3;
        double[][] values = [.. cell.Declaration.Parameters.Select(
            each => unit.get_parameter(each.Name)!.to(float64).data<double>().ToArray())];
        double[][] steps = [.. inputs[0].to(float64).data<double>().ToArray().Chunk(5)];
        Numbers.AssertClose(
            [.. ReferenceCells.All[name](steps, values).SelectMany(step => step)],
            cell.Run(unit, inputs, zeros(4, width), 6).Outputs[0].data<float>().ToArray(),
            1e-3);
        foreach (Tensor state in new[] { zeros(4, width), rand(4, width) })
        {
            var (outputs, last) = cell.Run(unit, inputs, state, 6);
            Tensor h = state;
            for (int step = 0; step < 50; step++)
            {
                h = unit.call(inputs.select(1, step), h);
                Assert.True(outputs.select(1, step).allclose(h.narrow(1, 0, 6), rtol: 1e-4, atol: 1e-6), Text(step));
            }

            Assert.True(last.allclose(h, rtol: 1e-4, atol: 1e-6));
        }
    }

    /// <summary>Both gates are shut: what is kept and what is taken are shares of nearly nothing.</summary>
    [Theory]
    [InlineData(-60f, true)]
    [InlineData(-100f, false)]
    public void Of_a_minlstm_with_shut_gates_are_finite(float bias, bool isExact)
    {
        var model = new ModelSettings(VocabularySize: 5, Dimension: 8, Layers: 2, PaddingId: -1, "minlstm");
        var layout = ParameterLayout.For(model);
        using var pool = new FloatBufferPool(layout.BufferLength);
        var version = Parameters(model, pool);
        foreach (var segment in layout.Segments.Where(segment =>
            segment.Name.EndsWith("linear_f.bias", StringComparison.Ordinal) ||
            segment.Name.EndsWith("linear_i.bias", StringComparison.Ordinal)))
        {
            version.Values.Span.Slice(segment.Offset, segment.Length).Fill(bias);
        }

        float[][] gradients = [.. new[] { Cells.Of(model).CreateReplica(model, "cpu"), new PlainReplica(model, "cpu") }
            .Select(replica =>
            {
                using var gradient = new Gradient(layout);
                replica.ComputeGradient(version, s_shard, gradient);
                replica.Dispose();
                return gradient.ToFlat();
            })];
        Assert.All(gradients[0], value => Assert.True(float.IsFinite(value)));
        if (isExact)
        {
            Numbers.AssertClose([.. gradients[1].Select(value => (double)value)], gradients[0], 3e-5);
        }

        version.Release();
    }

    private static string Text(int step) => step.ToString(CultureInfo.InvariantCulture);

    private static ParameterVersion Parameters(ModelSettings model, FloatBufferPool pool)
    {
        var values = pool.Rent();
        ParameterInitialization.Fill(model, seed: 3, values.Span);
        return new ParameterVersion(0, new CountedBuffer(values, pool));
    }

    /// <summary>The same parameters for a model that carries no states.</summary>
    private static ParameterVersion ParametersOf(ParameterVersion version, ModelSettings model)
    {
        var layout = ParameterLayout.For(model);
        var pool = new FloatBufferPool(layout.BufferLength);
        var values = pool.Rent();
        version.Values.Span[..layout.Length].CopyTo(values.Span);
        return new ParameterVersion(0, new CountedBuffer(values, pool));
    }
}
