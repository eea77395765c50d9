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
        double factor = 1.3 / (6.5 + 1e-6);
        float[] expected = [0, 0, .. new[] { 3, 4, 0, 0, 0, 12, 0 }.Select(sum => (float)(0.1 * factor * sum / 2))];
        var first = outcome.State.Moments[0].Values.Span;
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
        Assert.Equal(free.State.Moments[0].Values.Span.ToArray(), roomy.State.Moments[0].Values.Span.ToArray());
        Assert.Equal(0.15f, free.State.Moments[0].Values.Span[2], 6);
    }

    /// <summary>Where the norm is as small as what is added to it, the two ways to clip differ.</summary>
    [Theory]
    [InlineData(1.3, 1)]
    [InlineData(6.5, 1)]
    [InlineData(6.6, 1)]
    [InlineData(2e-6, 1e-6)]
    [InlineData(6.5e-6, 1e-6)]
    public void The_gradient_is_clipped_as_PyTorch_clips_it(double clip, float size)
    {
        float[] mean = [.. new[] { 3f, 4, 0, 0, 0, 12, 0 }.Select(slope => slope / 2 * size)];
        var ours = Apply(clip, mean, tokens: 1).State.Moments[0].Values.Span[2..];
        using var scope = NewDisposeScope();
        var parameter = nn.Parameter(zeros(mean.Length));
        (parameter * tensor(mean)).sum().backward();
        nn.utils.clip_grad_norm_([parameter], clip);
        float[] theirs = parameter.grad!.data<float>().ToArray();
        for (int i = 0; i < mean.Length; i++)
        {
            Assert.Equal(theirs[i], 10 * ours[i], theirs[i] * 1e-5);
        }
    }

    [Fact]
    public void Counters_grow_by_the_steps_examples_and_tokens()
    {
        var outcome = Apply(clip: 0, [1, 1, 1, 1, 1, 1, 1], tokens: 7);
        var state = outcome.State;
        Assert.Equal((1, 1, 4, 7), (state.Version, state.OptimizerSteps, state.ExamplesSeen, state.TokensSeen));
    }

    [Fact]
    public void A_skipped_step_keeps_all_but_carried_states_which_begin_with_zeros()
    {
        var layout = ParameterLayout.For(new ModelSettings(5, 4, 1, -1, CarriedRows: 3));
        using var pool = new FloatBufferPool(layout.BufferLength);
        using var moments = new FloatBufferPool(layout.BufferLength);
        var values = pool.Rent();
        values.Span.Fill(0.5f);
        var moment = new CountedBuffer(moments.Rent(), moments);
        var state = new TrainingState(new ParameterVersion(6, new CountedBuffer(values, pool)), [moment], 5, 40, 300);
        var settings = new OptimizerSettings(
            0.01, 0.9, 0.999, 1e-8, 0, new LearningRateSchedule(ScheduleKind.Constant, 0, 0));
        var next = new Optimizer(settings, layout, pool, threads: 1, stepsPerEpoch: 10).Skipped(state);
        Assert.Equal((7, 5, 40, 300), (next.Version, next.OptimizerSteps, next.ExamplesSeen, next.TokensSeen));
        Assert.Same(moment, Assert.Single(next.Moments));
        Assert.Equal(
            [.. Enumerable.Repeat(0.5f, layout.Length), .. new float[layout.BufferLength - layout.Length]],
            next.Parameters.Values.Span.ToArray());
        Assert.DoesNotContain(0f, state.Parameters.Values.Span.ToArray());
        state.Parameters.Release();
        next.Parameters.Release();
        moment.Release();
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
        var state = new TrainingState(new ParameterVersion(0, Filled(0.5f)), [Filled(0), Filled(0)], 0, 0, 0);
        return new Optimizer(settings, Layout, pool, threads: 1, stepsPerEpoch: 1).Apply(state, gradient, examples: 4);
    }
}
