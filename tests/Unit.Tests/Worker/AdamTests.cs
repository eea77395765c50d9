namespace RnnLm.Tests;

public class AdamTests
{
    private static readonly ModelSettings Model = new(VocabularySize: 3001, Dimension: 37, Layers: 1, PaddingId: 4);
    private static readonly int[] RowIds = [0, 1, 2, 9, 500, 1770, 1771, 1772, 3000];

    [Fact]
    public void Several_steps_follow_PyTorch()
    {
        var fixture = new Fixture("adam.txt");
        int[] sizes = fixture.Integers("settings");
        double[] hyper = fixture.Doubles("hyper");
        var layout = ParameterLayout.For(new ModelSettings(sizes[0], sizes[1], sizes[2], sizes[3]));
        var settings = new AdamSettings(hyper[0], hyper[1], hyper[2], hyper[3]);
        AdamState state = NewState(layout.Length);
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

            flat.AsSpan(layout.Embedding.End).CopyTo(gradient.Dense.Span);

            Adam.Update(settings, step, gradient, fixture.Floats("scale")[0], state, state, degree: 1);

            AssertWithinRounding(fixture.Floats($"first.{step}"), state.FirstMoment.Span, 1e-6f);
            AssertWithinRounding(fixture.Floats($"second.{step}"), state.SecondMoment.Span, 1e-6f);
            AssertWithinRounding(fixture.Floats($"parameters.{step}"), state.Parameters.Span, 1e-6f);
            Numbers.AssertSameBits(new float[sizes[1]], state.Parameters.Span.Slice(sizes[3] * sizes[1], sizes[1]));
        }

        Free(state);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(5, false)]
    public void Every_element_has_the_bits_of_the_formula_in_float32(int degree, bool inPlace)
    {
        var settings = new AdamSettings();
        using Gradient gradient = Gradients.Random(Model, RowIds, tokens: 11, stream: 1);
        int length = gradient.Layout.Length;
        AdamState state = NewState(length);
        using var start = Numbers.Uniform(length, 1, 5);
        start.Span.CopyTo(state.Parameters.Span);
        using var first = Numbers.Uniform(length, 0.1, 6);
        first.Span.CopyTo(state.FirstMoment.Span);
        using var second = Numbers.Uniform(length, 0.1, 7);
        for (int i = 0; i < length; i++)
        {
            state.SecondMoment.Span[i] = Math.Abs(second.Span[i]);
        }

        float[] p = state.Parameters.Span.ToArray();
        float[] m = state.FirstMoment.Span.ToArray();
        float[] v = state.SecondMoment.Span.ToArray();
        float[] flat = gradient.ToFlat();
        const int Step = 3;
        const float Scale = 0.5f / 11;
        float root = (float)Math.Sqrt(1 - Math.Pow(0.999, Step));
        float minusStepSize = (float)-(1e-3 / (1 - Math.Pow(0.9, Step)));
        for (int i = 0; i < length; i++)
        {
            float g = flat[i] * Scale;
            m[i] = (m[i] * 0.9f) + (g * (float)(1 - 0.9));
            v[i] = (v[i] * 0.999f) + (g * (float)(1 - 0.999) * g);
            p[i] += m[i] * minusStepSize / ((MathF.Sqrt(v[i]) / root) + 1e-8f);
        }

        AdamState next = inPlace ? state : NewState(length);
        Adam.Update(settings, Step, gradient, Scale, state, next, degree);

        Numbers.AssertSameBits(m, next.FirstMoment.Span);
        Numbers.AssertSameBits(v, next.SecondMoment.Span);
        Numbers.AssertSameBits(p, next.Parameters.Span);
        if (!inPlace)
        {
            Numbers.AssertSameBits(start.Span, state.Parameters.Span);
            Numbers.AssertSameBits(first.Span, state.FirstMoment.Span);
            Free(next);
        }

        Free(state);
    }

    [Fact]
    public void A_row_that_never_had_a_gradient_stays_exactly_where_it_is()
    {
        using Gradient gradient = Gradients.Random(Model, RowIds, tokens: 11, stream: 1);
        AdamState state = NewState(gradient.Layout.Length);
        for (int step = 1; step <= 5; step++)
        {
            Adam.Update(new AdamSettings(), step, gradient, 0.1f, state, state, degree: 2);
        }

        Numbers.AssertSameBits(
            new float[Model.Dimension],
            state.Parameters.Span.Slice(Model.PaddingId * Model.Dimension, Model.Dimension));
        Assert.NotEqual(0f, state.Parameters.Span[9 * Model.Dimension]);
        Free(state);
    }

    [Fact]
    public void Wrong_calls_are_refused()
    {
        using Gradient gradient = Gradients.Random(Model, RowIds, tokens: 11, stream: 1);
        AdamState state = NewState(gradient.Layout.Length);
        AdamState tooShort = NewState(gradient.Layout.Length - 1);

        void Update(long step, AdamState current, AdamState next, int degree) =>
            Adam.Update(new AdamSettings(), step, gradient, 1, current, next, degree);

        Assert.Throws<ArgumentOutOfRangeException>(() => Update(0, state, state, degree: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Update(1, state, state, degree: 0));
        Assert.Throws<ArgumentException>(() => Update(1, tooShort, state, degree: 1));
        Assert.Throws<ArgumentException>(() => Update(1, state, tooShort, degree: 1));
        gradient.Clear();
        Assert.Throws<ArgumentException>(() => Update(1, state, state, degree: 1));
        Free(state);
        Free(tooShort);
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

    private static AdamState NewState(int length)
    {
        var state = new AdamState(Numbers.Garbage(length), Numbers.Garbage(length), Numbers.Garbage(length));
        state.Parameters.Span.Clear();
        state.FirstMoment.Span.Clear();
        state.SecondMoment.Span.Clear();
        return state;
    }

    private static void Free(AdamState state)
    {
        state.Parameters.Dispose();
        state.FirstMoment.Dispose();
        state.SecondMoment.Dispose();
    }
}
