namespace RnnLm.Tests;

public sealed class Optimizer_update
{
    private static readonly ParameterLayout Layout = ParameterLayout.For(new ModelSettings(2, 1, 1, -1));

    /// <summary>
    /// Adam's first step moves every parameter by lr · g / (|g| + eps·…) = lr · sign(g), whatever the size of g: so the
    /// moments show the gradient that was used.
    /// </summary>
    [Fact]
    public void The_gradient_is_the_mean_over_tokens_clipped_to_its_norm()
    {
        // Embedding absent; Uh, Wh, b, fc.weight (2), fc.bias (2) = 3, 4, 0, 0, 0, 12, 0: sums over 2 tokens; norm of
        // the mean = 13 / 2.
        var outcome = Apply(clip: 1.3, [3, 4, 0, 0, 0, 12, 0], tokens: 2);
        Assert.Equal(6.5, outcome.GradientNorm, 12);
        double factor = 1.3 / 6.5;
        float[] expected = [0, 0, .. new[] { 3, 4, 0, 0, 0, 12, 0 }.Select(sum => (float)(0.1 * factor * sum / 2))];
        var first = outcome.State.FirstMoment.Values.Span;
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], first[i], 6);
        }

        Assert.Equal(0.5f - 0.01f, outcome.State.Parameters.Values.Span[2], 5);
        Assert.Equal(0.5f, outcome.State.Parameters.Values.Span[4]);
    }

    [Fact]
    public void A_gradient_below_the_limit_is_left_alone()
    {
        var free = Apply(clip: 0, [3, 4, 0, 0, 0, 12, 0], tokens: 2);
        var roomy = Apply(clip: 6.6, [3, 4, 0, 0, 0, 12, 0], tokens: 2);
        Assert.Equal(free.State.FirstMoment.Values.Span.ToArray(), roomy.State.FirstMoment.Values.Span.ToArray());
        Assert.Equal(0.15f, free.State.FirstMoment.Values.Span[2], 6);
    }

    [Fact]
    public void Counters_grow_by_the_steps_examples_and_tokens()
    {
        var outcome = Apply(clip: 0, [1, 1, 1, 1, 1, 1, 1], tokens: 7);
        var state = outcome.State;
        Assert.Equal((1, 1, 4, 7), (state.Version, state.OptimizerSteps, state.ExamplesSeen, state.TokensSeen));
    }

    private static UpdateOutcome Apply(double clip, float[] dense, int tokens)
    {
        var pool = new FloatBufferPool(Layout.Length);
        CountedBuffer Filled(float value)
        {
            var buffer = pool.Rent();
            buffer.Span.Fill(value);
            return new CountedBuffer(buffer, pool);
        }

        var settings = new OptimizerSettings(
            0.01, 0.9, 0.999, 1e-8, clip, new LearningRateSchedule(ScheduleKind.Constant, 0, 0));
        var gradient = new Gradient(Layout) { LossSum = 1, TokenCount = tokens };
        dense.CopyTo(gradient.Dense.Span);
        var state = new TrainingState(new ParameterVersion(0, Filled(0.5f)), Filled(0), Filled(0), 0, 0, 0);
        return new Optimizer(settings, pool, threads: 1, stepsPerEpoch: 1).Apply(state, gradient, examples: 4);
    }
}
