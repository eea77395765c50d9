using TorchSharp.Modules;

namespace RnnLm.Tests;

public class ParameterUpdateTests
{
    private const double Rate = 1e-3;
    private static readonly ModelSettings Model = new(VocabularySize: 3001, Dimension: 37, Layers: 1, PaddingId: 4);
    private static readonly int[] RowIds = [0, 1, 2, 9, 500, 1770, 1771, 1772, 3000];
    private static readonly OptimizerSettings Plain = new(
        Rate, 0.9, 0.999, 1e-8, ClipNorm: 0, new LearningRateSchedule(ScheduleKind.Constant, 0, 0));

    /// <summary>Kind, weight decay, momentum.</summary>
    public static TheoryData<OptimizerKind, double, double> Optimizers => new()
    {
        { OptimizerKind.Adam, 0, 0 },
        { OptimizerKind.Adam, 0.03, 0 },
        { OptimizerKind.Adamw, 0.03, 0 },
        { OptimizerKind.Sgd, 0, 0 },
        { OptimizerKind.Sgd, 0.03, 0 },
        { OptimizerKind.Sgd, 0, 0.9 },
        { OptimizerKind.Sgd, 0.03, 0.9 },
    };

    [Fact]
    public void Several_steps_of_Adam_follow_those_of_another_PyTorch()
    {
        var fixture = new Fixture("adam.txt");
        int[] sizes = fixture.Integers("settings");
        double[] hyper = fixture.Doubles("hyper");
        var layout = ParameterLayout.For(new ModelSettings(sizes[0], sizes[1], sizes[2], sizes[3]));
        var settings = Plain with { Beta1 = hyper[1], Beta2 = hyper[2], Epsilon = hyper[3] };
        UpdateBuffers state = NewState(settings, layout.Length);
        fixture.Floats("parameters").CopyTo(state.Parameters.Span);
        using var gradient = new Gradient(layout);

        for (int step = 1; step <= 4; step++)
        {
            int[] rows = fixture.Integers($"rows.{step}");
            float[] flat = fixture.Floats($"gradient.{step}");
            rows.CopyTo(gradient.RowIds, 0);
            gradient.RowCount = rows.Length;
            gradient.TokenCount = 37;
            for (int i = 0; i < rows.Length; i++)
            {
                flat.AsSpan(rows[i] * sizes[1], sizes[1]).CopyTo(gradient.Rows.Span[(i * sizes[1])..]);
            }

            flat.AsSpan(layout.DenseStart).CopyTo(gradient.Dense.Span);

            ParameterUpdate.Apply(
                settings, hyper[0], step, gradient, fixture.Floats("scale")[0], state, state, degree: 1);

            AssertWithinRounding(fixture.Floats($"first.{step}"), state.Moments[0].Span, 1e-6f);
            AssertWithinRounding(fixture.Floats($"second.{step}"), state.Moments[1].Span, 1e-6f);
            AssertWithinRounding(fixture.Floats($"parameters.{step}"), state.Parameters.Span, 1e-6f);
            Numbers.AssertSameBits(new float[sizes[1]], state.Parameters.Span.Slice(sizes[3] * sizes[1], sizes[1]));
        }
    }

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Several_steps_follow_the_optimizer_of_TorchSharp(OptimizerKind kind, double decay, double momentum)
    {
        const int Tokens = 11;
        const int Steps = 6;
        var settings = Plain with { Kind = kind, WeightDecay = decay, Momentum = momentum };
        using Gradient first = Gradients.Random(Model, RowIds, Tokens, stream: 1);
        using Gradient second = Gradients.Random(Model, [3, 9, 2000], Tokens, stream: 3);
        UpdateBuffers state = NewState(settings, first.Layout.Length);
        using var start = Numbers.Uniform(first.Layout.Length, 1, 5);
        start.Span.CopyTo(state.Parameters.Span);
        using var scope = NewDisposeScope();
        var parameter = new Parameter(tensor(start.Span.ToArray()));
        using var theirs = Theirs(settings, parameter);
        for (int step = 1; step <= Steps; step++)
        {
            // The rate moves, as schedules move it.
            double rate = Rate * step;
            Gradient gradient = step % 3 == 0 ? second : first;
            ParameterUpdate.Apply(settings, rate, step, gradient, 1f / Tokens, state, state, degree: 2);
            foreach (var group in theirs.ParamGroups)
            {
                group.LearningRate = rate;
            }

            theirs.zero_grad();
            (parameter * (tensor(gradient.ToFlat()) * (1f / Tokens))).sum().backward();
            theirs.step();
            double largest = parameter.data<float>().ToArray()
                .Zip(state.Parameters.Span.ToArray(), (left, right) => Math.Abs(left - (double)right)).Max();
            Assert.True(largest < 5e-7, $"step {step}: largest difference {largest:R}");
        }
    }

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Every_element_has_the_bits_of_the_formula_in_float32(
        OptimizerKind kind, double decay, double momentum)
    {
        const int Step = 3;
        const float Scale = 0.5f / 11;
        var settings = Plain with { Kind = kind, WeightDecay = decay, Momentum = momentum };
        using Gradient gradient = Gradients.Random(Model, RowIds, tokens: 11, stream: 1);
        int length = gradient.Layout.Length;
        UpdateBuffers state = NewState(settings, length);
        using var start = Numbers.Uniform(length, 1, 5);
        start.Span.CopyTo(state.Parameters.Span);
        for (int moment = 0; moment < state.Moments.Count; moment++)
        {
            using var values = Numbers.Uniform(length, 0.1, 6 + (ulong)moment);
            for (int i = 0; i < length; i++)
            {
                state.Moments[moment].Span[i] = moment == 0 ? values.Span[i] : Math.Abs(values.Span[i]);
            }
        }

        float[][] expected = [.. state.Moments.Prepend(state.Parameters).Select(buffer => buffer.Span.ToArray())];
        float[] flat = gradient.ToFlat();
        for (int i = 0; i < length; i++)
        {
            float g = flat[i] * Scale;
            if (kind == OptimizerKind.Sgd)
            {
                expected[0][i] = OfSgd(settings, g, expected[0][i], expected[1..], i);
            }
            else
            {
                expected[0][i] = OfAdam(settings, Step, g, expected[0][i], expected[1], expected[2], i);
            }
        }

        foreach (int degree in new[] { 1, 2, 5 })
        {
            UpdateBuffers next = NewState(settings, length);
            ParameterUpdate.Apply(settings, Rate, Step, gradient, Scale, state, next, degree);
            AssertSame(expected, next);
            Numbers.AssertSameBits(start.Span, state.Parameters.Span);
        }

        ParameterUpdate.Apply(settings, Rate, Step, gradient, Scale, state, state, degree: 2);
        AssertSame(expected, state);
    }

    /// <summary>Binary fractions, so that every digit is exact.</summary>
    [Fact]
    public void Momentum_and_decay_act_on_all_rows_whether_they_have_a_gradient_or_not()
    {
        var settings = Plain with { Kind = OptimizerKind.Sgd, WeightDecay = 0.25, Momentum = 0.5 };
        var model = new ModelSettings(VocabularySize: 2, Dimension: 1, Layers: 1, PaddingId: -1);
        using var gradient = new Gradient(ParameterLayout.For(model)) { TokenCount = 1, RowCount = 1 };
        gradient.Dense.Span.Clear();
        gradient.RowIds[0] = 1;
        UpdateBuffers state = NewState(settings, gradient.Layout.Length);
        state.Parameters.Span.Fill(1);
        foreach (float slope in new[] { 2f, 1f })
        {
            gradient.Rows.Span[0] = slope;
            ParameterUpdate.Apply(settings, 0.5, 1, gradient, 1, state, state, degree: 1);
        }

        // Row 0, gradient 0: 0.25, 1 - 0.125; then 0.125 + 0.21875, 0.875 - 0.171875.
        Assert.Equal((0.34375f, 0.703125f), (state.Moments[0].Span[0], state.Parameters.Span[0]));

        // Row 1: 2 + 0.25, 1 - 1.125; then 1.125 + 1 - 0.03125, -0.125 - 1.046875.
        Assert.Equal((2.09375f, -1.171875f), (state.Moments[0].Span[1], state.Parameters.Span[1]));
    }

    /// <summary>The first step of either is the learning rate in the direction of the gradient: decoupled, the decay
    /// does not turn it.</summary>
    [Theory]
    [InlineData(OptimizerKind.Adam, 0, 1.5f)]
    [InlineData(OptimizerKind.Adam, 0.5, 0.5f)]
    [InlineData(OptimizerKind.Adamw, 0.5, 1.25f)]
    public void Decay_turns_the_step_of_Adam_and_shrinks_the_parameter_of_AdamW(
        OptimizerKind kind, double decay, float expected)
    {
        var settings = Plain with { Kind = kind, WeightDecay = decay };
        var model = new ModelSettings(VocabularySize: 1, Dimension: 1, Layers: 1, PaddingId: -1);
        using var gradient = new Gradient(ParameterLayout.For(model)) { TokenCount = 1 };
        gradient.Dense.Span.Fill(-0.25f);
        UpdateBuffers state = NewState(settings, gradient.Layout.Length);
        state.Parameters.Span.Fill(1);
        ParameterUpdate.Apply(settings, 0.5, 1, gradient, 1, state, state, degree: 1);
        Assert.Equal(expected, state.Parameters.Span[^1], 6);
    }

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void A_row_of_zeros_that_never_had_a_gradient_stays_exactly_there(
        OptimizerKind kind, double decay, double momentum)
    {
        var settings = Plain with { Kind = kind, WeightDecay = decay, Momentum = momentum };
        using Gradient gradient = Gradients.Random(Model, RowIds, tokens: 11, stream: 1);
        UpdateBuffers state = NewState(settings, gradient.Layout.Length);
        for (int step = 1; step <= 5; step++)
        {
            ParameterUpdate.Apply(settings, Rate, step, gradient, 0.1f, state, state, degree: 2);
        }

        Numbers.AssertSameBits(
            new float[Model.Dimension],
            state.Parameters.Span.Slice(Model.PaddingId * Model.Dimension, Model.Dimension));
        Assert.NotEqual(0f, state.Parameters.Span[9 * Model.Dimension]);
    }

    [Fact]
    public void Wrong_calls_are_refused()
    {
        using Gradient gradient = Gradients.Random(Model, RowIds, tokens: 11, stream: 1);
        UpdateBuffers state = NewState(Plain, gradient.Layout.Length);
        UpdateBuffers tooShort = NewState(Plain, gradient.Layout.Length - 1);
        UpdateBuffers tooFew = new(state.Parameters, state.Moments[0]);

        void Update(long step, UpdateBuffers current, UpdateBuffers next, int degree) =>
            ParameterUpdate.Apply(Plain, Rate, step, gradient, 1, current, next, degree);

        Assert.Throws<ArgumentOutOfRangeException>(() => Update(0, state, state, degree: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Update(1, state, state, degree: 0));
        Assert.Throws<ArgumentException>(() => Update(1, tooShort, state, degree: 1));
        Assert.Throws<ArgumentException>(() => Update(1, state, tooShort, degree: 1));
        Assert.Throws<ArgumentException>(() => Update(1, state, tooFew, degree: 1));
        gradient.Clear();
        Assert.Throws<ArgumentException>(() => Update(1, state, state, degree: 1));
    }

    private static optim.Optimizer Theirs(OptimizerSettings settings, Parameter parameter)
    {
        double decay = settings.WeightDecay;
        return settings.Kind switch
        {
            OptimizerKind.Sgd => optim.SGD([parameter], Rate, settings.Momentum, weight_decay: decay),
            OptimizerKind.Adamw => optim.AdamW([parameter], Rate, weight_decay: decay),
            _ => optim.Adam([parameter], Rate, weight_decay: decay),
        };
    }

    private static float OfSgd(OptimizerSettings settings, float g, float p, float[][] moments, int i)
    {
        g += p * (float)settings.WeightDecay;
        if (moments.Length > 0)
        {
            g = moments[0][i] = (moments[0][i] * (float)settings.Momentum) + g;
        }

        return p + (g * (float)-Rate);
    }

    private static float OfAdam(
        OptimizerSettings settings, int step, float g, float p, float[] first, float[] second, int i)
    {
        float root = (float)Math.Sqrt(1 - Math.Pow(0.999, step));
        float minusStepSize = (float)-(Rate / (1 - Math.Pow(0.9, step)));
        if (settings.Kind == OptimizerKind.Adamw)
        {
            p *= (float)(1 - (Rate * settings.WeightDecay));
        }
        else if (settings.WeightDecay != 0)
        {
            g += p * (float)settings.WeightDecay;
        }

        first[i] = (first[i] * 0.9f) + (g * (float)(1 - 0.9));
        second[i] = (second[i] * 0.999f) + (g * (float)(1 - 0.999) * g);
        return p + (first[i] * minusStepSize / ((MathF.Sqrt(second[i]) / root) + 1e-8f));
    }

    private static void AssertSame(float[][] expected, UpdateBuffers state)
    {
        foreach (var (values, buffer) in expected.Zip(state.Moments.Prepend(state.Parameters)))
        {
            Numbers.AssertSameBits(values, buffer.Span);
        }
    }

    private static void AssertWithinRounding(float[] expected, ReadOnlySpan<float> actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(
                Math.Abs(expected[i] - actual[i]) <= tolerance * Math.Abs(expected[i]),
                $"element {i}: expected {expected[i]:R}, got {actual[i]:R}");
        }
    }

    private static UpdateBuffers NewState(OptimizerSettings settings, int length)
    {
        FloatBuffer Zeros()
        {
            var buffer = new FloatBuffer(length);
            buffer.Span.Clear();
            return buffer;
        }

        return new UpdateBuffers(Zeros(), [.. settings.Moments.Select(_ => Zeros())]);
    }
}
