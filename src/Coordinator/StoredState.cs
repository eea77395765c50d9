using RnnLm.Storage;

namespace RnnLm.Coordinator;

/// <summary>Where training begins: version 0, or the state that a checkpoint holds.</summary>
public static class StoredState
{
    /// <summary>Begins the names of the first moments in <c>optimizer.safetensors</c>.</summary>
    public const string FirstMomentPrefix = "first_moment.";

    /// <summary>Begins the names of the second moments in <c>optimizer.safetensors</c>.</summary>
    public const string SecondMomentPrefix = "second_moment.";

    /// <summary>Version 0.</summary>
    /// <param name="pool">Buffers of the model's length.</param>
    /// <param name="fill">Writes every parameter.</param>
    public static TrainingState Initial(FloatBufferPool pool, Action<FloatBuffer> fill)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(fill);
        var values = pool.Rent();
        fill(values);
        var parameters = new ParameterVersion(0, new CountedBuffer(values, pool));
        return new TrainingState(parameters, Zeros(pool), Zeros(pool), 0, 0, 0);
    }

    /// <summary>Version 0 with the parameters of a file.</summary>
    /// <exception cref="RnnLmException">The file cannot be read or is not of this model.</exception>
    public static TrainingState FromWeights(string path, ParameterLayout layout, FloatBufferPool pool)
    {
        using var file = SafetensorsFile.Open(path);
        return Initial(pool, values =>
        {
            file.ReadLayout(layout, values.Span);
            values.Span[layout.Length..].Clear();
        });
    }

    /// <summary>The parameters of a checkpoint alone.</summary>
    public static float[] ReadParameters(Checkpoint checkpoint, ModelSettings model)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        var layout = ParameterLayout.For(model);
        float[] parameters = new float[layout.Length];
        using var file = checkpoint.OpenModel();
        file.ReadLayout(layout, parameters);
        return parameters;
    }

    /// <summary>The state of a checkpoint.</summary>
    public static TrainingState Read(Checkpoint checkpoint, ParameterLayout layout, FloatBufferPool pool)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(pool);
        var values = pool.Rent();
        var first = pool.Rent();
        var second = pool.Rent();
        using (var model = checkpoint.OpenModel())
        {
            model.ReadLayout(layout, values.Span);
        }

        using (var optimizer = checkpoint.OpenOptimizer())
        {
            optimizer.ReadLayout(layout, first.Span, FirstMomentPrefix);
            optimizer.ReadLayout(layout, second.Span, SecondMomentPrefix);
            if (layout.CarriedStates is { } states)
            {
                optimizer.Read(states, values.Span);
            }
        }

        var state = checkpoint.State;
        return new TrainingState(
            new ParameterVersion(state.Step, new CountedBuffer(values, pool)),
            new CountedBuffer(first, pool),
            new CountedBuffer(second, pool),
            state.OptimizerStep,
            state.ExamplesSeen,
            state.Tokens);
    }

    private static CountedBuffer Zeros(FloatBufferPool pool)
    {
        var buffer = pool.Rent();
        buffer.Span.Clear();
        return new CountedBuffer(buffer, pool);
    }
}
